"""A reply that looped, continued from where the loop began with another cut of its images.

What a small model sees in an image depends on how it is cut, and so does where it gets stuck. The
image is read again, not kept: its pixels have no place in memory while tokens are decoded.
"""

from __future__ import annotations

from dataclasses import replace

from ..decoding.repetition import loop_start
from ..decoding.running import RunningReply
from ..decoding.spoken import Spoken
from ..prompt.layout import RequestLayout, RequestLayouter
from ..prompt.request import Request
from ..types import Flag, ImagePart


def may_continue(reply: RunningReply, image_token_id: int) -> bool:
    """Whether a reply looped, and may be continued with another cut.

    Not if somebody has read the loop already, if the cut was chosen by name, or if an image is an
    open file, which can be read once only. A grammar's own state is not continued either.
    """
    request, steps = reply.request, reply.spoken.steps
    return (
        reply.spoken.finish_reason == "repetition"
        and request.answer is None
        and request.resolution == "auto"
        and reply.tiles > 0
        and not request.is_streamed
        and not _has_open_file(request)
        and all(step.token_id != image_token_id for step in steps)
    )


def continued(first: RunningReply) -> RunningReply:
    """The reply that goes on from before the loop; its images are not cut yet."""
    request, steps = first.request, first.spoken.steps
    kept = steps[: loop_start(step.token_id for step in steps)]
    most = first.max_new_tokens if request.grows else request.options.max_new_tokens
    options = request.options.model_copy(update={"max_new_tokens": most - len(kept)})
    said = tuple(step.token_id for step in kept)
    return RunningReply(
        replace(request, options=options, said=said),
        first.deliver,
        first.check_cancelled,
        first.span,
        spoken=Spoken(kept, calibration=first.spoken.calibration),
    )


def cut_otherwise(layouter: RequestLayouter, reply: RunningReply, first: RunningReply) -> bool:
    """Cut a continued reply's images one step coarser than before, or else finer.

    Finer is never more than the checkpoint or the plan of its memory has, nor where the memory was
    what had made them coarse.

    Returns:
        False if there is no other cut, or if these are not the same images any more.
    """
    if reply.image_sha256 != first.image_sha256:
        return False
    before = layouter.cut(reply.request, reply.layout.images, first.max_side)
    found = layouter.coarser(reply.request, before)
    if found is None and "reduced_resolution" not in first.flags:
        found = _finer(layouter, reply, before)
    if found is None:
        return False
    reply.see(found)
    return True


def is_better(reply: RunningReply, first: RunningReply) -> bool:
    """Whether a continued reply has an end of its own, and more text than there was."""
    kept = "".join(step.text for step in first.spoken.steps[: len(reply.request.said)])
    return reply.spoken.finish_reason != "repetition" and reply.spoken.text != kept


def recovered_flags(reply: RunningReply, first: RunningReply) -> list[Flag]:
    """The flags of a continued reply: that it is coarser now is not for want of memory."""
    flags = first.flags.copy()
    for flag in reply.flags:
        if flag != "reduced_resolution" and flag not in flags:
            flags.append(flag)
    flags.append("recovered")
    return flags


def _finer(
    layouter: RequestLayouter, reply: RunningReply, before: RequestLayout
) -> RequestLayout | None:
    if any(image.is_frame for image in before.images):
        return None  # of a video: each frame is one tile
    most = layouter.max_side or layouter.checkpoint.config.image.max_side
    for side in range(2, most + 1):
        request = replace(reply.request, resolution=side)
        found = layouter.cut(request, before.images)
        if found.tiles > before.tiles:
            reply.request = request  # by name: it must not be cut coarser again to make it fit
            return found
    return None


def _has_open_file(request: Request) -> bool:
    return any(
        isinstance(part, ImagePart) and callable(getattr(part.image, "read", None))
        for message in request.messages
        for part in message.content
    )
