"""Measures what a second reading by OCR tells about the model's transcriptions.

    python -m benchmarks.ocr_check --pages 200
    python -m benchmarks.ocr_check --pages 40 --files phototest.tif eurotext.tif --json
    npm pack @expo-google-fonts/caveat && tar xzf expo-google-fonts-caveat-*.tgz
    python -m benchmarks.ocr_check --handwriting package/400Regular/Caveat_400Regular.ttf

Pages with known words are drawn (clean print in many fonts, noise, a rotation of up to four
degrees, blank pages with noise, receipts in the type that the embedded model has learned, and with
--handwriting words in one of these fonts, slanted and uneven), and transcribed with `check="ocr"`.
Reported are how well each confidence tells right lines of the model from wrong ones (AUROC), how
many lines that were put into a true transcription are flagged, how many words have a box with an
intersection over union of 0.5, blank pages without text, and the character error rate of
`source="best"`. Beside each file of --files stands its text, NAME.txt. With --saved each page's
figures go to a file, and a run that was ended goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.command import Command, notice
from benchmarks.ocr.handwriting import handwriting_fonts
from benchmarks.ocr.measures import Counts, edits
from benchmarks.ocr.pages import HANDWRITING, KINDS, draw_page
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM

_NO_FONT = (
    "handwriting is left out: it needs --handwriting FONT, and no font of it comes with this "
    "project; see --help"
)


def measure(options: argparse.Namespace) -> int:
    """Run it, and print a table or JSON."""
    fonts = handwriting_fonts(options.handwriting)
    if not fonts:
        notice(_NO_FONT)
    kinds = [*KINDS, *([HANDWRITING] if fonts else [])]
    counts = {kind: Counts() for kind in ["all", *kinds]}
    saved, began = _saved(options.saved), time.perf_counter()
    with SmolVLM.load(options.model) as vlm:
        for number in range(options.first, options.first + options.pages):
            kind = kinds[number % len(kinds)]
            if (found := saved.get(number)) is None:
                found = _measured(vlm, kind, number, fonts)
                _save(options.saved, number, found)
            for each in ("all", kind):
                counts[each].join(found)
            if (done := number - options.first + 1) % 20 == 0:
                notice(f"{done} pages, {time.perf_counter() - began:.0f} s")
        files = {path.name: _error_rate(vlm, path) for path in options.files}
    figures = {kind: dict(count.rows()) for kind, count in counts.items()}
    if options.json:
        print(json.dumps({"pages": options.pages, "kinds": figures, "files": files}, indent=2))
        return 0
    names = list(figures["all"])
    rows = [[name, *(figures[kind][name] for kind in figures)] for name in names]
    sys.stdout.write(markdown_table(["", *figures], rows) + "\n")
    for name, rate in files.items():
        print(f"{name}: character error rate of the best text {rate:.4f}")
    return 0


def _measured(vlm: SmolVLM, kind: str, number: int, fonts: list[str]) -> Counts:
    """Draw a page, transcribe it, and count."""
    page, counts = draw_page(kind, number, fonts), Counts()
    counts.add(page, vlm.transcribe(page.picture, check="ocr", source="best"), number)
    return counts


def _saved(file: Path | None) -> dict[int, Counts]:
    """What an earlier run counted, by the number of the page."""
    if file is None or not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {row["page"]: Counts(**row["counts"]) for row in rows}


def _save(file: Path | None, number: int, counts: Counts) -> None:
    if file is not None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"page": number, "counts": asdict(counts)}) + "\n")


def _error_rate(vlm: SmolVLM, path: Path) -> float:
    true = path.with_suffix(".txt").read_text(encoding="utf-8")
    said = vlm.transcribe(path, check="ocr", source="best").text
    return edits(true, said) / len(" ".join(true.split()))


main = Command("ocr_check", __doc__, measure)
main.add_argument("--pages", type=int, default=200, help="how many to draw")
main.add_argument("--model", default="embedded", help="as of SmolVLM.load")
main.add_argument("--first", type=int, default=0, help="number of the first page")
main.add_argument(
    "--handwriting", metavar="FONT", nargs="+", default=[], help="TrueType fonts of handwriting"
)
main.add_argument("--saved", type=Path, metavar="FILE", help="go on from there, and save there")
main.add_argument("--files", type=Path, nargs="*", default=[], help="images with texts beside them")
main.add_argument("--json", action="store_true")

if __name__ == "__main__":
    sys.exit(main())
