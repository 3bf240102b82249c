"""`PageCheck`: what a record keeps of a second reading of its page."""

from __future__ import annotations

from ..types import Check, CheckedLine, CheckedText, Value, Word
from .rounding import rounded


class PageCheck(Value):
    """A page's transcription beside the words that were recognised on it.

    Boxes are in pixels of the page's image, from its top left corner: of a PDF page as it was
    rendered, of an image as it is shown upright. A page that lies on its side is read upright, and
    its boxes are of the page as it lies.

    Attributes:
        recognizer: what read the page, and its release.
        width, height: of the image that the boxes are of, in pixels.
        text_from: whose text was asked for: "model", "ocr" or "best".
        agreement: 0 to 1, the share of the text that both have; see `Check`.
        confidence: 0 to 1, both readers' together: of the text that was asked for.
        model_confidence: the model's own.
        model_text, ocr_text: what each of them read, whichever text stands in the record.
        lines: the model's, each with its words, their boxes and agreement.
        words: all that were recognised, in reading order.
        unsupported: the model's lines that were not recognised: invented, or misread.
        missing: recognised words that the model left out.
    """

    recognizer: str
    width: int
    height: int
    text_from: CheckedText
    agreement: float
    confidence: float
    model_confidence: float
    model_text: str
    ocr_text: str
    lines: tuple[CheckedLine, ...] = ()
    words: tuple[Word, ...] = ()
    unsupported: tuple[str, ...] = ()
    missing: tuple[Word, ...] = ()

    @classmethod
    def of(cls, check: Check, confidence: float, size: tuple[int, int]) -> PageCheck:
        """What a record keeps of a transcription's check.

        Args:
            confidence: of the checked result.
            size: (width, height) of the page.
        """
        told = check.model_dump(include=set(cls.model_fields))
        told |= {"confidence": confidence, "unsupported": check.unsupported}
        return cls.model_validate({**rounded(told), "width": size[0], "height": size[1]})
