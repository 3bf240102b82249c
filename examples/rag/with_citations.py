"""Ask a folder of documents: every answer comes with the file and page it stands on.

    pip install '.[pdf]' wordllama
    python examples/rag/with_citations.py               # documents that it makes itself
    python examples/rag/with_citations.py FOLDER --ask "When does the lease end?"

Everything runs on this machine, offline. The folder, and scans that are made of its PDF pages, are
ingested into records; the records' words go into an index in memory, whose vectors are WordLlama's
(16 MB, in its wheel). An answer is the passage that comes closest.

Born-digital pages are exact, because their text is in the file. Scans are read by the model, and
the one inside the package reads short, large print only: what it says of scans of small print is
mostly wrong. Take a real checkpoint for those, such as `--model 500m`. The records say which is
which (`text_source`, `confidence`).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from documents import QUESTIONS, make_documents
from PIL import Image

from smolvlm_tools import ImagePolicy, InputError, PageRef
from smolvlm_tools.ingest import Record, Wish, ingest
from smolvlm_tools.pages import Page, read_pages

WORDS = 60
"""Of a passage. Each shares half of them with the next one, so that no sentence is torn in all."""

SCANS = 4
"""Pages of which scans are made."""


@dataclass(frozen=True)
class Passage:
    """Some words of a page.

    Attributes:
        confidence: the model's; None of words that stand in the file.
    """

    text: str
    record: Record
    confidence: float | None

    @property
    def citation(self) -> str:
        """Where the words stand, such as "lease.pdf, page 2 of 3"."""
        record = self.record
        name = Path(record.source).name
        return str(PageRef(source=name, page=record.page or 1, pages=record.pages or 1))

    @property
    def origin(self) -> str:
        """Who says so: the file itself, or the model, and how sure it was of its words."""
        if self.confidence is None:
            return "text of the file"
        return f"read by the model, confidence {self.confidence:.2f}"


class Index:
    """Passages by the directions of their vectors."""

    def __init__(self, passages: list[Passage]) -> None:
        import wordllama  # makes every logger talk, so not before it is needed

        folder = Path(wordllama.__file__).parent  # where its wheel put the weights
        self._words: Any = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
        self._passages = passages
        self._vectors = self._words.embed([passage.text for passage in passages], norm=True)

    def find(self, question: str, count: int = 2) -> list[Passage]:
        """The passages that come closest, the best first."""
        likeness = self._vectors @ self._words.embed([question], norm=True)[0]
        return [self._passages[place] for place in np.argsort(-likeness)[:count]]


def make_scans(folder: Path, out: Path) -> None:
    """Scans of the first pages of a folder's PDF files: grey, noisy, crooked, as JPEG."""
    noise = np.random.default_rng(0)
    for made, (file, page) in enumerate(itertools.islice(pages_of(folder), SCANS)):
        with Image.open(io.BytesIO(page.data)) as picture:
            paper = picture.convert("L").rotate(1.5, expand=True, fillcolor="white")
        if made % 2:  # laid on its side
            paper = paper.transpose(Image.Transpose.ROTATE_90)
        ink = np.asarray(paper) + noise.normal(0, 12, (paper.height, paper.width))
        scan = Image.fromarray(ink.clip(0, 255).astype(np.uint8))
        scan.save(out / f"scan of {file.stem}, page {page.number}.jpg", quality=50)


def pages_of(folder: Path) -> Iterator[tuple[Path, Page]]:
    """The pages of a folder's PDF files that can be read; of others, ingestion says why not."""
    for file in sorted(folder.rglob("*.pdf")):
        with contextlib.suppress(InputError):
            for page in read_pages(file, ImagePolicy(isolate=True)):
                yield file, page


def passages_of(records: list[Record]) -> list[Passage]:
    """All that is said of the pages, in pieces."""
    found: list[Passage] = []
    for record in records:
        for task in ("transcription", "caption"):
            words = record.text.get(task, "").split()
            for start in range(0, max(1, len(words) - WORDS // 2), WORDS // 2):
                piece = " ".join(words[start : start + WORDS])
                if piece:
                    found.append(Passage(piece, record, record.confidence.get(task)))
    return found


def read_folder(folder: Path, work: Path, model: str) -> list[Record]:
    """The records of a folder and of its scans; what cannot be read is said, not left out."""
    scans = work / "scans"
    scans.mkdir(exist_ok=True)
    make_scans(folder, scans)
    out = work / "records.jsonl"
    summary = ingest(
        [folder, scans], out, model=model, wish=Wish(tasks=("transcription", "caption"))
    )
    print(
        f"{summary.files} files, {summary.pages} pages: {summary.layer} with text of their own, "
        f"{summary.model} read by the model, {summary.blank} blank, {summary.errors} errors"
    )
    records = [Record.model_validate_json(line) for line in out.read_text("utf-8").splitlines()]
    for record in records:
        if record.error:
            print(f"{record.source}: {record.error.reason}")
    return records


def main() -> None:
    """Read the folder, then answer."""
    parser = argparse.ArgumentParser(description="Ask a folder of documents.")
    parser.add_argument("folder", type=Path, nargs="?", help="made here if left out")
    parser.add_argument("--ask", action="append", default=[], help="a question; several times")
    parser.add_argument("--model", default="embedded", help="alias, hub id or folder")
    given = parser.parse_args()
    if given.folder and not given.ask:
        parser.error("a folder of your own needs --ask QUESTION")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder: Path = given.folder or make_documents(work / "documents")
        passages = passages_of(read_folder(folder, work, given.model))
        if not passages:
            sys.exit(f"there are no words in {folder}")
        index = Index(passages)
        for question in given.ask or QUESTIONS:
            print(f"\n{question}")
            best = index.find(question)
            for passage in best:
                print(f"  [{passage.citation}; {passage.origin}] {passage.text}")
            if not (given.ask or given.folder):
                assert best[0].citation == QUESTIONS[question], best[0].citation


if __name__ == "__main__":
    main()
