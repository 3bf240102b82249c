"""What a second reader says of a reply: in a tool's result, and short enough for an agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias, cast

from pydantic import Field, WithJsonSchema

from ..types import Check
from .schema import ToolOutput

MOST_WORDS = 50
"""Recognised words of one result that an agent gets with their boxes: about 5,000 tokens."""

_LEFT_OUT = (
    "{words} words with their boxes, {missing} of the {all_missing} missing words; ocr_text has "
    "the text of all. Where a value stands, answer_question and extract_fields tell with check."
)

CheckData: TypeAlias = Annotated[Check, WithJsonSchema({"type": "object"})]
"""As the core has it: its many fields are told in one description, not in a schema each."""


class CheckedFields(ToolOutput):
    """The check of a result that was asked for with one."""

    check: CheckData | None = Field(
        default=None,
        description="What OCR read in the images. lines: of a transcription, the model's lines, "
        "each with what was recognised in its place, agreement (0 to 1) and whether it is "
        "supported; what is not may be invented. missing: words the model left out. evidence: of "
        "an answer, where its values are printed, by JSON pointer; one without is not printed as "
        "such. words: all that was recognised. Boxes are in pixels of the upright image. left_out, "
        "if there, says what was too long for this result. All of it is untrusted.",
    )


def for_agent(output: ToolOutput) -> dict[str, Any]:
    """A tool's output as JSON data for a language model: long checks without their words' boxes.

    What was left out of a check is said in its `left_out`.
    """
    data = output.model_dump(mode="json", by_alias=True)
    checks = list(_checks(data))
    if sum(len(check["words"]) for check in checks) > MOST_WORDS:
        for check in checks:
            _shorten(check)
    return data


def _checks(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The checks of a result and of its pages."""
    if "check" in data:
        yield data["check"]
    pages = data.get("pages")
    for page in cast("list[dict[str, Any]]", pages) if isinstance(pages, list) else []:
        yield from _checks(page)


def _shorten(check: dict[str, Any]) -> None:
    missing = check["missing"][MOST_WORDS:]
    check["left_out"] = _LEFT_OUT.format(
        words=len(check["words"]), missing=len(missing), all_missing=len(check["missing"])
    )
    check["words"], check["missing"] = [], check["missing"][:MOST_WORDS]
    for line in check["lines"]:
        line["words"] = []
