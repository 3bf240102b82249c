"""Print is read page after page: each page has the whole context, and a result, to itself."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import StageSeconds, Usage, VisionResult
from .image_store import StoredImage


def one_by_one(images: Sequence[StoredImage]) -> bool:
    """Whether images are read each by itself: where there are several, and pages among them."""
    return len(images) > 1 and any(image.pages > 1 for image in images)


def join_pages(results: Sequence[VisionResult]) -> VisionResult:
    """One result of pages that were read each by itself; `pages` holds theirs.

    Text and lines are those of all pages that are not held back. The confidence is the lowest, and
    the result is held back if every page is.
    """
    shown = [result for result in results if not result.abstained]
    lines = [result.value for result in shown if isinstance(result.value, list)]
    reasons = {result.finish_reason for result in results}
    first = results[0]
    return first.model_copy(
        update={
            "text": "\n\n".join(result.text for result in shown if result.text),
            "value": [line for page in lines for line in page] if lines else None,
            "abstained": not shown,
            "incomplete": None if shown else first.incomplete,
            "finish_reason": next(
                (reason for reason in ("length", "repetition") if reason in reasons), "stop"
            ),
            "usage": _sum([result.usage for result in results]),
            "confidence": min(result.confidence for result in results),
            "calibrated": tuple(
                kind
                for kind in first.calibrated
                if all(kind in result.calibrated for result in results)
            ),
            "flags": tuple(dict.fromkeys(flag for result in results for flag in result.flags)),
            "image_sha256": tuple(digest for r in results for digest in r.image_sha256),
            "sources": tuple(source for result in results for source in result.sources),
            "pages": tuple(results),
        }
    )


def _sum(usages: Sequence[Usage]) -> Usage:
    counts = (
        "prompt_tokens",
        "image_tokens",
        "completion_tokens",
        "tiles",
        "cached_tokens",
        "cached_tiles",
    )
    seconds = {
        stage: sum(getattr(usage.seconds, stage) for usage in usages)
        for stage in StageSeconds.model_fields
    }
    return usages[0].model_copy(
        update={
            **{name: sum(getattr(usage, name) for usage in usages) for name in counts},
            "seconds": StageSeconds(**seconds),
            "predicted_bytes": max(u.predicted_bytes or 0 for u in usages) or None,
            "peak_bytes": max(u.peak_bytes or 0 for u in usages) or None,
        }
    )
