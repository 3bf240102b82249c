"""A transcription beside recognised words, line by line and word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...types import Box, CheckedLine, CheckedWord, Word
from .alignment import SUPPORTED, Alignment
from .left_out import charge
from .letters import Letters


def combined(agreement: float, model: float, ocr: float) -> float:
    """The part of a line that both have, as sure as either of them is of it."""
    return agreement * (1 - (1 - model) * (1 - ocr))


@dataclass(frozen=True, slots=True)
class Compared:
    """Two transcriptions of the same images.

    Attributes:
        lines: those of the reply that are not empty.
        agreement: see `Check`.
        missing: recognised words that the reply has not.
        said: the words of the reply.
        line_of: of each of them, the number of its line.
        shared: of each recognised word, the words of the reply it has letters in common with, and
            how many.
        coverage: the share of the recognised letters that the reply has.
    """

    lines: tuple[CheckedLine, ...]
    agreement: float
    missing: tuple[Word, ...]
    said: tuple[str, ...]
    line_of: tuple[int, ...]
    shared: tuple[dict[int, int], ...]
    coverage: float

    @property
    def confidence(self) -> float:
        """Of the whole reply: its lines' by their letters, times the coverage.

        What a line left out is in the coverage, and is not counted twice.
        """
        weights = [len(line.text) for line in self.lines]
        if not sum(weights):
            return self.coverage
        sure = [
            combined(line.agreement, line.model_confidence, line.ocr_confidence) * weight
            for line, weight in zip(self.lines, weights, strict=True)
        ]
        return self.coverage * sum(sure) / sum(weights)


def compare(lines: Sequence[str], confidences: Sequence[float], words: Sequence[Word]) -> Compared:
    """Lay the lines of a reply beside recognised words.

    Args:
        lines: none is empty.
        confidences: the model's own, of each line.
    """
    split = [line.split() for line in lines]
    said = tuple(word for line in split for word in line)
    ends = [sum(map(len, split[: at + 1])) for at in range(len(split))]
    spans = [(end - len(line), end) for line, end in zip(split, ends, strict=True)]
    letters, recognised = Letters.of(said), Letters.of(word.text for word in words)
    partner = Alignment(letters, recognised, spans).partner
    shared: tuple[dict[int, int], ...] = tuple({} for _ in words)
    for at, other in enumerate(partner):
        if other is not None:
            counts, mine = shared[recognised.word[other]], letters.word[at]
            counts[mine] = counts.get(mine, 0) + 1
    sizes = [end - start for start, end in recognised.spans]
    found = sum(map(sum, (counts.values() for counts in shared)))
    longer = max(len(letters.text), len(recognised.text))
    absent = [
        bool(size) and sum(counts.values()) < SUPPORTED * size
        for counts, size in zip(shared, sizes, strict=True)
    ]
    line_of = tuple(at for at, line in enumerate(split) for _ in line)
    left_out = charge(words, absent, [_owner(counts, line_of) for counts in shared])
    checked = [
        _line(line, span, confidence, letters, words, shared, left_out.get(at, ()))
        for at, (line, span, confidence) in enumerate(zip(lines, spans, confidences, strict=True))
    ]
    return Compared(
        lines=tuple(checked),
        agreement=found / longer if longer else 1.0,
        missing=tuple(word for word, is_absent in zip(words, absent, strict=True) if is_absent),
        said=said,
        line_of=line_of,
        shared=shared,
        coverage=found / len(recognised.text) if recognised.text else 1.0,
    )


def _owner(counts: Mapping[int, int], line_of: Sequence[int]) -> int | None:
    """The line that has most letters of a recognised word."""
    return line_of[max(counts, key=lambda at: counts[at])] if counts else None


def _line(
    text: str,
    span: tuple[int, int],
    confidence: float,
    letters: Letters,
    words: Sequence[Word],
    shared: Sequence[dict[int, int]],
    left_out: Sequence[Word],
) -> CheckedLine:
    mine = range(*span)
    counts = [sum(each.get(word, 0) for word in mine) for each in shared]
    in_place = [
        (word, count)
        for word, count in zip(words, counts, strict=True)
        if count and count >= SUPPORTED * len(word.text)
    ]
    size = sum(letters.spans[word][1] - letters.spans[word][0] for word in mine)
    others = sum(len(word.text) for word, _ in in_place)
    found, lost = sum(counts), sum(len(word.text) for word in left_out)
    agreement = min(1.0, found / max(size, others, 1))
    ocr = sum(word.confidence * len(word.text) for word, _ in in_place) / max(others, 1)
    return CheckedLine(
        text=text,
        recognised=" ".join(word.text for word, _ in in_place),
        agreement=agreement,
        model_confidence=confidence,
        ocr_confidence=ocr,
        left_out=" ".join(word.text for word in left_out),
        confidence=combined(agreement, confidence, ocr) * found / max(found + lost, 1),
        supported=agreement >= SUPPORTED,
        words=tuple(
            _word(said, at, letters, words, shared)
            for said, at in zip(text.split(), mine, strict=True)
        ),
    )


def _word(
    text: str, at: int, letters: Letters, words: Sequence[Word], shared: Sequence[dict[int, int]]
) -> CheckedWord:
    size = letters.spans[at][1] - letters.spans[at][0]
    counts = [(word, each) for word, each in zip(words, shared, strict=True) if at in each]
    own = [
        (word, each)
        for word, each in counts
        if each[at] >= SUPPORTED * min(len(word.text), max(size, 1))
    ]
    # Of a recognised word that stands for several of the reply, each has its part.
    printed = sum(len(word.text) if len(each) == 1 else each[at] for word, each in own)
    found = sum(each[at] for _, each in counts)
    image = own[0][0].image if own else 0
    return CheckedWord(
        text=text,
        agreement=min(1.0, found / max(size, printed, 1)),
        box=around([word.box for word, _ in own if word.image == image]),
        image=image,
    )


def around(boxes: Sequence[Box]) -> Box | None:
    """The smallest box around others; None around none."""
    if not boxes:
        return None
    return Box(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )
