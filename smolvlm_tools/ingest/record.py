"""`Record`: what is known of one page, part of a video, or picture in a page.

docs/ingest.md shows it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..errors import SmolVLMError
from ..pages import BBox
from ..types import VisionResult
from ..types.names import Incomplete, TextSource
from ..types.value import Value
from .page_check import PageCheck
from .rounding import DIGITS, rounded

VERSION = 2


class Answer(Value):
    """The answer to a question, or the fields of a schema.

    Attributes:
        text, value, confidence, abstained, incomplete: as of a `VisionResult`; the value is JSON.
        probabilities: of every option, where there were options.
        field_confidence: by JSON pointer, where it is an object or list.
    """

    text: str
    value: Any = None
    confidence: float
    abstained: bool = False
    incomplete: Incomplete | None = None
    probabilities: dict[str, float] | None = None
    field_confidence: dict[str, float] | None = None

    @classmethod
    def of(cls, result: VisionResult) -> Answer:
        """What a record keeps of a result."""
        return cls(
            text=result.text,
            value=result.model_dump(mode="json", include={"value"})["value"],
            confidence=round(result.confidence, DIGITS),
            abstained=result.abstained,
            incomplete=result.incomplete,
            probabilities=rounded(result.probabilities),
            field_confidence=rounded(result.field_confidence),
        )


class Fault(Value):
    """Why there is nothing; see `SmolVLMError`."""

    code: str
    reason: str
    remedy: str

    @classmethod
    def of(cls, error: SmolVLMError) -> Fault:
        """What a record keeps of an error."""
        return cls(code=error.code, reason=error.reason, remedy=error.remedy)


class Cost(Value):
    """What the model did for a record: tiles it saw, tokens it read and wrote."""

    tiles: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Found(Value):
    """What was found out about a page or picture, whatever file it came from.

    Attributes:
        picture: its number in the page; None for the page itself.
        bbox: where the picture stands, as fractions 0 to 1 of the page from its top left corner:
            left, top, right, bottom; None for the page itself.
        start, end: seconds, of a part of a video; None for pages.
        text: by task: "transcription", "caption"; "layer" is a text layer that was not trusted.
        text_source: whether those words come from the document's text layer ("layer"), from the
            model, from the recogniser of a check ("ocr"), or from more than one of them ("both");
            None where there are none. A layer that was not trusted does not count.
        answers: by the questions' names.
        fields: of the schema.
        confidence: of the model's words by task, 0 to 1; see `VisionResult`. Of a transcription
            with a check both readers'.
        check: of a page that the model transcribed, the words that were recognised on it; None
            without a check, and where the model was not asked.
        flags: of the model's replies (see `VisionResult`), and "ocr_layer", "garbage_layer" (there
            is a text layer that was not trusted), "hidden_text" (the layer has text that is not
            seen), "blank_image" (the model was not asked), "low_agreement" (the transcription is
            held back: the check's agreement is below `min_agreement`).
        usage: what the model did.
        image_sha256: of the image that the model saw; None where it saw none.
        model, revision, backend, precision: what looked; None where nothing did.
        prompt_hash: of everything that was asked, and how.
        error: why there is nothing.
    """

    picture: int | None = None
    bbox: BBox | None = None
    start: float | None = None
    end: float | None = None
    text: dict[str, str] = Field(default_factory=dict)
    text_source: TextSource | None = None
    answers: dict[str, Answer] = Field(default_factory=dict)
    fields: Answer | None = None
    confidence: dict[str, float] = Field(default_factory=dict)
    check: PageCheck | None = None
    flags: tuple[str, ...] = ()
    usage: Cost = Cost()
    image_sha256: str | None = None
    model: str | None = None
    revision: str | None = None
    backend: str | None = None
    precision: str | None = None
    prompt_hash: str | None = None
    error: Fault | None = None


class Record(Found):
    """What was found, and where.

    Attributes:
        version: of this form.
        id: the same for the same finding about the same place; other content or another way of
            asking has another.
        source: the path or URL, as it was given or found.
        source_sha256: of the file; None where it could not be read.
        page: from 1, or which part of a video; None where the file could not be opened.
        pages: how many the file has.
        duplicate_of: the first source with the same content: what was found there stands here.
    """

    version: Literal[2] = VERSION
    id: str
    source: str
    source_sha256: str | None = None
    page: int | None = None
    pages: int | None = None
    duplicate_of: str | None = None


FIELDS = (
    *("version", "id", "source", "source_sha256", "page", "pages", "picture", "bbox"),
    *("start", "end"),
    *("text", "text_source", "answers", "fields", "confidence", "check", "flags"),
    *("usage", "image_sha256", "model", "revision", "backend", "precision", "prompt_hash"),
    *("duplicate_of", "error"),
)
"""A record's fields in the order in which they are written."""


def as_json(record: Record) -> dict[str, Any]:
    """A record as JSON data, all fields in the order of `FIELDS`."""
    data = record.model_dump(mode="json")
    return {name: data[name] for name in FIELDS}
