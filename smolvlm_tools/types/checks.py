"""What an optical character recognition of the same image says about a reply."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from .value import Value

CheckName: TypeAlias = Literal["ocr", "tesseract"]
"""Who reads the image a second time; see `images.ocr`."""
CheckedText: TypeAlias = Literal["model", "ocr", "best"]
"""Whose words are handed out."""


class Box(Value):
    """A rectangle in pixels of an upright original image, from its top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


class Word(Value):
    """A word that was recognised.

    Attributes:
        text: without spaces.
        box: around its ink.
        confidence: 0 to 1, the recogniser's own: the mean of its characters' probabilities.
        line: which line of its image it stands in, from 0.
        image: which of the request's images it stands in, from 0.
    """

    text: str
    box: Box
    confidence: float
    line: int = 0
    image: int = 0


class CheckedWord(Value):
    """A word of a reply.

    Attributes:
        text: as the model wrote it.
        agreement: 0 to 1, the characters that both have by those of the longer: "750" for a printed
            "7.50" has 0.75.
        box: around what was recognised there; None where nothing was.
        image: which of the request's images the box is of, from 0.
    """

    text: str
    agreement: float
    box: Box | None = None
    image: int = 0


class CheckedLine(Value):
    """A line of a reply.

    Attributes:
        text: as the model wrote it.
        recognised: what was recognised in its place; "" where nothing was.
        agreement: 0 to 1, see `Check`.
        model_confidence: of the line's tokens, as `VisionResult.confidence`.
        ocr_confidence: mean of the words in its place, by characters; 0 where there are none.
        left_out: words that are printed among or beside its own, and that no line has.
        confidence: agreement * (1 - (1 - model_confidence) * (1 - ocr_confidence)), times the share
            of the characters printed there that it has.
        supported: whether at least half of it was recognised too; what is not may be invented.
        words: each of its words.
    """

    text: str
    recognised: str = ""
    agreement: float
    model_confidence: float
    ocr_confidence: float = 0.0
    left_out: str = ""
    confidence: float
    supported: bool
    words: tuple[CheckedWord, ...] = ()


class Evidence(Value):
    """Where a value of an answer stands in the image.

    Attributes:
        text: as it was recognised.
        box: around its words, which may fill several lines.
        agreement: 0 to 1, how alike value and text are.
        image: which of the request's images it stands in, from 0.
    """

    text: str
    box: Box
    agreement: float
    image: int = 0


class Check(Value):
    """A reply beside what was recognised in its images.

    Agreement is the number of characters that both have in the same order, over that of the longer
    text; spaces do not count, and quotation marks and dashes are alike whatever their form.

    Attributes:
        recognizer: what read the images, and its release.
        words: every word it recognised, in reading order. One that lacks a space which the model
            wrote and its ink shows is parted there.
        ocr_text: their text, a line for each line.
        model_text: the reply as the model wrote it, whichever text was handed out.
        text_from: whose text was handed out.
        agreement: of the whole transcription; None for other answers.
        model_confidence: the reply's own, before the check.
        lines: of a transcription, each line of the model that is not empty.
        missing: words that were recognised and that the model left out.
        evidence: of other answers, where a value that is printed in the image stands, by JSON
            pointer; "" is the whole value.
    """

    recognizer: str
    words: tuple[Word, ...] = ()
    ocr_text: str = ""
    model_text: str = ""
    text_from: CheckedText = "model"
    agreement: float | None = None
    model_confidence: float
    lines: tuple[CheckedLine, ...] = ()
    missing: tuple[Word, ...] = ()
    evidence: dict[str, Evidence] = Field(default_factory=dict[str, Evidence])

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The model's lines that were not recognised in the image: invented, or misread."""
        return tuple(line.text for line in self.lines if not line.supported)
