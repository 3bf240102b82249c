"""What the tools do: from arguments to the engine's call, from its result to the tool's.

Knows inputs, outputs and `VisionResult`; not names, descriptions or how calls are run.
"""

from __future__ import annotations

import datetime
from typing import Any

from ..errors import BadPrompt, ModelError
from ..types import VisionResult
from . import inputs, outputs
from .discretion import without_paths
from .images import StoredImage
from .outlook import Outlook
from .schema import ToolOutput
from .tool import EngineCall, Images

_COMPARE = "What is the same in these images, and what is different?"


def _options(given: Any, **more: Any) -> dict[str, Any]:
    wanted = {
        "context": given.context,
        "min_confidence": given.min_confidence,
        "max_new_tokens": given.max_new_tokens,
        **more,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def ask_description(given: inputs.DescribeImage) -> EngineCall:
    """Ask for a description."""
    return EngineCall("describe", (), _options(given, detail=given.detail))


def ask_transcript(given: inputs.TranscribeImage) -> EngineCall:
    """Ask for the print."""
    return EngineCall("transcribe", (), _options(given, layout=given.layout))


def ask_fields(given: inputs.ExtractFields) -> EngineCall:
    """Ask for the fields of a schema."""
    return EngineCall("extract", (given.fields,), _options(given))


def ask_comparison(given: inputs.CompareImages) -> EngineCall:
    """Ask what differs."""
    return EngineCall("ask", (given.question or _COMPARE,), _options(given))


def ask_answer(given: inputs.AnswerQuestion) -> EngineCall:
    """Ask a question, for the type of answer that was wished."""
    from .. import constraints

    if given.kind == "choice":
        answer: Any = constraints.choices(given.choices or [])
    else:
        kinds: dict[str, Any] = {
            "text": str,
            "yes_no": bool,
            "integer": int,
            "number": float,
            "date": datetime.date,
            "list": list[str],
        }
        answer = kinds[given.kind]
    return EngineCall("ask", (given.question,), _options(given, answer=answer))


def _common(result: VisionResult, images: Images) -> dict[str, Any]:
    usage = result.usage
    return {
        "confidence": result.confidence,
        "abstained": result.abstained,
        "finish_reason": result.finish_reason,
        "flags": list(result.flags),
        "images": [outputs.ImageRef(**_image_ref(image)) for image in images],
        "usage": outputs.Cost(
            tiles=usage.tiles,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            seconds=round(usage.seconds.total, 3),
            peak_bytes=usage.peak_bytes,
        ),
        "model": result.model,
    }


def _image_ref(image: StoredImage) -> dict[str, Any]:
    """The fields of an `ImageRef`."""
    width, height = image.size
    return {"handle": image.handle, "sha256": image.sha256, "width": width, "height": height}


def report_text(_given: object, result: VisionResult, images: Images) -> ToolOutput:
    """Words."""
    text = "" if result.abstained else result.text
    return outputs.TextReply(text=text, **_common(result, images))


def report_transcript(_given: object, result: VisionResult, images: Images) -> ToolOutput:
    """Words, and lines where they were asked for."""
    text = "" if result.abstained else result.text
    lines = result.value if isinstance(result.value, list) else None
    return outputs.TranscribeReply(text=text, value=lines, **_common(result, images))


def report_answer(
    _given: inputs.AnswerQuestion, result: VisionResult, images: Images
) -> ToolOutput:
    """Words and the typed value."""
    value = result.value
    return outputs.AnswerReply(
        text="" if result.abstained else result.text,
        value=value.isoformat() if isinstance(value, datetime.date) else value,
        probabilities=result.probabilities,
        **_common(result, images),
    )


def report_fields(_given: object, result: VisionResult, images: Images) -> ToolOutput:
    """The object."""
    return outputs.ExtractReply(
        value=result.value, field_confidence=result.field_confidence, **_common(result, images)
    )


def look_at_cost(outlook: Outlook, given: inputs.PlanImage, images: Images) -> ToolOutput:
    """What images would take."""
    view = outlook.plan(images, given.task)
    plan, forecast = view.plan, view.forecast
    return outputs.Plan(
        images=[
            outputs.PlannedImage(
                **_image_ref(image),
                rows=planned.rows,
                cols=planned.cols,
                tiles=planned.tiles,
                tokens=planned.tokens,
            )
            for image, planned in zip(images, plan.images, strict=True)
        ],
        tiles=plan.tiles,
        prompt_tokens=plan.prompt_tokens,
        context_length=plan.context_length,
        predicted_bytes=plan.predicted_bytes,
        seconds=None if forecast is None else round(forecast.seconds, 3),
        basis=view.basis,
        model=plan.model,
    )


def look_at_image(outlook: Outlook, _given: object, images: Images) -> ToolOutput:
    """An image's handle and facts."""
    image = images[0]
    about: dict[str, Any]
    try:
        plan = outlook.plan(images, "describe").plan
        about = {"tiles": plan.tiles, "tokens": plan.images[0].tokens}
    except (BadPrompt, ModelError) as error:  # the image is there all the same
        about = {"note": without_paths(str(error))}
    return outputs.LoadedRef(
        **_image_ref(image),
        format=image.format,
        frames=image.frames,
        is_blank=image.is_blank,
        **about,
    )
