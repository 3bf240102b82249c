"""A result as people read it: the answer on stdout, what to know about it on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..machine.amounts import format_bytes
from .console import clean, note, report
from .incomplete import TOLD_BY_REASON, why_incomplete
from .options import AnswerOptions
from .showing_checks import show_check

if TYPE_CHECKING:
    from ..types import VisionResult

FIELDS_SHOWN = 10
"""Most fields whose confidence is shown; --json has all."""

NOTES = {
    "truncated": "the reply was cut off at its token limit; raise --max-new-tokens",
    "repetition": "the reply began to repeat itself and was stopped",
    "blank_image": "the image is blank; whatever the reply describes is not in it",
    "turned": "the page lay on its side or head and was turned upright to be read",
    "ocr_layer": "an OCR program has laid text over the scan; the model read the page itself",
    "garbage_layer": "the document's own text makes no words; the model read the page itself",
    "hidden_text": "the document has text for the page that is not seen on it",
    "reduced_resolution": "the image was cut into fewer tiles to stay within the memory budget",
    "halved_micro_batch": "memory ran out once; tiles were then encoded in smaller batches",
    "rejected": "the answer broke a rule of its type",
    "completed": "the end of the value was made up to fit its type; the model did not write it",
    "no_logprobs": "the server gives no log-probabilities: the confidence is not known",
    "not_enforced": "the server did not hold the answer to its type; it was checked all the same",
    "unsupported": "lines of the reply were not recognised in the image; they may be invented",
    "missing_words": "the model left out words that were recognised in the image",
    "nothing_recognised": "no word was recognised in the image, so none of the reply is handed out",
    "recovered": "the reply began to repeat itself; the text goes on from there with the image cut "
    "otherwise, or as recognised",
}


def words(result: VisionResult) -> str:
    """What is printed of a result: the model's words, unless a field has become null."""
    if result.abstained:
        return ""
    if result.field_confidence is None or result.value == json.loads(result.text):
        return result.text
    return json.dumps(result.value, ensure_ascii=False)


def tell(result: VisionResult, name: str | None, options: AnswerOptions) -> None:
    """Say on stderr what a reader should know about a result."""
    if result.abstained:
        why = why_incomplete(result) if name is None else f"{name}: {why_incomplete(result)}"
        if options.may_abstain:
            note(f"note: {why}")
        else:
            report(why)
    for flag in result.flags:
        if not (result.abstained and flag in TOLD_BY_REASON):
            note(f"note: {NOTES[flag]}")
    if result.unsure_fields:
        note(f"note: unsure, but may not be null: {', '.join(map(clean, result.unsure_fields))}")
    if not options.in_json:
        if isinstance(result.value, float) and result.probabilities:
            note(f"expected level {result.value:.2f}")
        if result.field_confidence:
            note(_fields(result.field_confidence))
        if result.check is not None:
            show_check(result.check)
        note(_cost(result))


def _fields(confidence: Mapping[str, float]) -> str:
    """The confidence of every field, or of the least certain ones where there are many."""
    shown, intro = list(confidence.items()), "confidence of each field: "
    if len(shown) > FIELDS_SHOWN:
        shown = sorted(shown, key=lambda field: field[1])[:FIELDS_SHOWN]
        intro = f"least certain of {len(confidence)} fields: "
    return intro + ", ".join(f"{clean(name)} {value:.2f}" for name, value in shown)


def _cost(result: VisionResult) -> str:
    usage = result.usage
    memory = ""
    if usage.peak_bytes is not None:
        memory = f"{format_bytes(usage.peak_bytes)} at its peak, "
    return (
        f"{usage.tiles} tiles, {usage.prompt_tokens} tokens in, {usage.completion_tokens} out, "
        f"{usage.seconds.total:.2f} s, {memory}confidence {result.confidence:.2f} "
        f"({result.model}, {result.backend} {result.precision} on {result.device})"
    )
