"""Measures what a second reading by OCR tells about the model's transcriptions.

    python -m benchmarks.ocr_check --pages 200
    python -m benchmarks.ocr_check --pages 40 --files phototest.tif eurotext.tif --json

Pages with known words are drawn (clean print in many fonts, noise, a rotation of up to four
degrees, blank pages with noise, receipts in the type that the embedded model has learned; with
--handwriting FONT also words in that font), and transcribed with `check="ocr"`. Reported are how
well each confidence tells right lines of the model from wrong ones (AUROC), how many lines that
were put into a true transcription are flagged, how many words have a box with an intersection over
union of 0.5, blank pages without text, and the character error rate of `source="best"`. Beside
each file of --files stands its text, NAME.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.command import Command, notice
from benchmarks.ocr.measures import Counts, edits
from benchmarks.ocr.pages import KINDS, draw_page
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM

HANDWRITING = "handwriting"


def measure(options: argparse.Namespace) -> int:
    """Run it, and print a table or JSON."""
    kinds = [*KINDS, *([HANDWRITING] if options.handwriting else [])]
    counts = {kind: Counts() for kind in ["all", *kinds]}
    began = time.perf_counter()
    with SmolVLM.load(options.model) as vlm:
        for number in range(options.pages):
            kind = kinds[number % len(kinds)]
            font = options.handwriting if kind == HANDWRITING else None
            page = draw_page(kind, number, font)
            result = vlm.transcribe(page.picture, check="ocr", source="best")
            for each in ("all", kind):
                counts[each].add(page, result, number)
            if number % 20 == 19:
                notice(f"{number + 1} pages, {time.perf_counter() - began:.0f} s")
        files = {path.name: _error_rate(vlm, path) for path in options.files}
    found = {kind: dict(count.rows()) for kind, count in counts.items()}
    if options.json:
        print(json.dumps({"pages": options.pages, "kinds": found, "files": files}, indent=2))
        return 0
    names = list(found["all"])
    rows = [[name, *(found[kind][name] for kind in found)] for name in names]
    sys.stdout.write(markdown_table(["", *found], rows) + "\n")
    for name, rate in files.items():
        print(f"{name}: character error rate of the best text {rate:.4f}")
    return 0


def _error_rate(vlm: SmolVLM, path: Path) -> float:
    true = path.with_suffix(".txt").read_text(encoding="utf-8")
    said = vlm.transcribe(path, check="ocr", source="best").text
    return edits(true, said) / len(" ".join(true.split()))


main = Command("ocr_check", __doc__, measure)
main.add_argument("--pages", type=int, default=200, help="how many to draw")
main.add_argument("--model", default="embedded", help="as of SmolVLM.load")
main.add_argument("--handwriting", metavar="FONT", help="a TrueType font of handwriting")
main.add_argument("--files", type=Path, nargs="*", default=[], help="images with texts beside them")
main.add_argument("--json", action="store_true")

if __name__ == "__main__":
    sys.exit(main())
