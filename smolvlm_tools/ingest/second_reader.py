"""A second reader of the pages that the model transcribes; see docs/ocr.md."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..engine.crosscheck import Judge, open_checker
from ..errors import BadOptions
from ..images import ImagePolicy
from ..machine.stopping import check_stopped, stoppable_by
from ..machine.threads import check_of
from ..pages import Page
from ..prompt.request import RequestOptions, parse_policy
from ..types import VisionResult
from .page_check import PageCheck
from .wish import Wish

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM

LOW_AGREEMENT = "low_agreement"
"""The flag of a page whose transcription is held back for its agreement."""

_AT_ONCE = threading.BoundedSemaphore(2)
"""Pages that are recognised together: each takes memory, and the model needs processors, too."""


def open_recognizer_for(wish: Wish, window: object) -> str | None:
    """Load what reads pages a second time; its name and release, or None where nothing does.

    Args:
        window: of the `Reading`.

    Raises:
        BadOptions: videos are to be looked at.
        BackendUnavailable: it is not installed.
    """
    if wish.check is None:
        return None
    check_no_videos(wish, window)
    recognizer = open_checker(wish.check, wish.source, ImagePolicy(), wish.layout).recognizer
    return recognizer.name if recognizer else None


def check_no_videos(wish: Wish, window: object) -> None:
    """Refuse a check of videos, whose frames have no print of their own to compare.

    Raises:
        BadOptions: there is a check and a window.
    """
    if wish.check is not None and window is not None:
        raise BadOptions(
            f'`check="{wish.check}"` reads pages, and `window={window!r:.40}` is for videos',
            "Ingest videos in a run of their own, without `check`.",
        )


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What was recognised on one page.

    Attributes:
        judge: lays a transcription beside it.
        size: (width, height) of the page in pixels.
        min_agreement: below it the text is held back.
    """

    judge: Judge
    size: tuple[int, int]
    min_agreement: float | None

    @classmethod
    def of(
        cls, page: Page, wish: Wish, engine: SmolVLM, cancel: threading.Event | None
    ) -> SecondReading:
        """Read a page.

        Raises:
            InputError: it cannot be read.
            OutOfMemoryBudget: reading it does not fit.
            ModelInvalid: the recogniser has failed on it.
            Cancelled: `cancel` was set.
        """
        options: RequestOptions = {}
        allowed = parse_policy(wish.options.get("policy")) or engine.policy
        checker = open_checker(wish.check, wish.source, allowed, wish.layout, engine.check_memory)
        with stoppable_by(check_of(cancel)), _AT_ONCE:
            check_stopped()
            judge = checker.transcription(page.encoded, options).judge
        return cls(judge, (page.width, page.height), wish.min_agreement)

    def of_results(
        self, results: Mapping[str, VisionResult]
    ) -> tuple[dict[str, VisionResult], PageCheck]:
        """The replies about the page with the transcription that is handed out, and its check."""
        judged = self.judge(results["transcription"])
        assert judged.check is not None
        kept = PageCheck.of(judged.check, judged.confidence, self.size)
        if self.min_agreement is not None and kept.agreement < self.min_agreement:
            flags = (*judged.flags, LOW_AGREEMENT)
            judged = judged.model_copy(update={"text": "", "flags": flags})
        return {**results, "transcription": judged}, kept
