"""What is counted on one page, and over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

from benchmarks.ocr.pages import Known, invented_line
from smolvlm_tools import VisionResult
from smolvlm_tools.engine.crosscheck.lines import compare
from smolvlm_tools.quality.reliability import Scored, auroc
from smolvlm_tools.types import Box, CheckedLine, Word


@dataclass(slots=True)
class Counts:
    """Over pages.

    Attributes:
        combined, model, ocr: of every line that the model wrote, a confidence and whether the page
            has that line.
        invented, flagged: lines that were put into a true transcription, and those found out.
        true, doubted: lines of those transcriptions that are on the page, and those taken for
            invented.
        words, boxed: words of the pages, and those with a box of an IoU of 0.5.
        blank, silent: pages without words, and those of which no text was handed out.
        edits, letters: of the best text.
    """

    combined: list[Scored] = field(default_factory=list[Scored])
    model: list[Scored] = field(default_factory=list[Scored])
    ocr: list[Scored] = field(default_factory=list[Scored])
    invented: int = 0
    flagged: int = 0
    true: int = 0
    doubted: int = 0
    words: int = 0
    boxed: int = 0
    blank: int = 0
    silent: int = 0
    edits: int = 0
    letters: int = 0

    def add(self, page: Known, result: VisionResult, seed: int) -> None:
        """Count a page and its checked transcription, whose text is the best one."""
        check = result.check
        assert check is not None
        true = [" ".join(line) for line in page.lines]
        left = Counter(true)
        for line in check.lines:
            is_right = left[text := " ".join(line.text.split())] > 0
            left[text] -= is_right
            self.combined.append((line.confidence, is_right))
            self.model.append((line.model_confidence, is_right))
            self.ocr.append((line.ocr_confidence, is_right))
        self._invent(true, check.words, seed)
        self.words += len(page.boxes)
        self.boxed += sum(any(iou(box, w.box) >= 0.5 for w in check.words) for box in page.boxes)
        if not true:
            self.blank += 1
            self.silent += not (result.text or check.words)  # or the model's text is handed out
        self.edits += edits("\n".join(true), result.text)
        self.letters += len("\n".join(true))

    def join(self, other: Counts) -> None:
        """Add what was counted elsewhere."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def _invent(self, true: Sequence[str], words: Sequence[Word], seed: int) -> None:
        """Put a passage of two lines that are not there into what is there."""
        passage = [invented_line(seed), invented_line(seed + 1_000_000)]
        at = seed % (len(true) + 1)
        lines = [*true[:at], *passage, *true[at:]]
        found = compare(lines, [0.9] * len(lines), words).lines
        theirs: list[CheckedLine] = list(found[at : at + len(passage)])
        self.invented += len(passage)
        self.flagged += sum(not line.supported for line in theirs)
        self.true += len(true)
        self.doubted += sum(not line.supported for line in found) - sum(
            not line.supported for line in theirs
        )

    def rows(self) -> list[tuple[str, str]]:
        """What is reported: its name and its figure."""
        right = sum(ok for _, ok in self.combined)
        measures: list[tuple[str, Callable[[], float | None]]] = [
            ("AUROC of the combined confidence", lambda: auroc(self.combined)),
            ("AUROC of the model's alone", lambda: auroc(self.model)),
            ("AUROC of the OCR's alone", lambda: auroc(self.ocr)),
            ("invented lines flagged", lambda: share(self.flagged, self.invented)),
            ("true lines flagged", lambda: share(self.doubted, self.true)),
            ("words with a box of IoU >= 0.5", lambda: share(self.boxed, self.words)),
            ("blank pages without text", lambda: share(self.silent, self.blank)),
            ("character error rate of the best text", lambda: share(self.edits, self.letters)),
        ]
        figures = [(name, "-" if (v := take()) is None else f"{v:.4f}") for name, take in measures]
        return [("lines of the model, right", f"{len(self.combined)}, {right}"), *figures]


def share(some: int, of: int) -> float | None:
    """None of nothing."""
    return some / of if of else None


def edits(true: str, said: str) -> int:
    """Letters to change, add or take away; kinds of white space are alike."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(" ".join(true.split()), " ".join(said.split()))


def iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0.0, width) * max(0.0, height)
    return common / (one.area + other.area - common) if common else 0.0
