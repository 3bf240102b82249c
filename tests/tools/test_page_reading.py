"""`join_pages`: what a call tells of pages that were read one by one."""

from __future__ import annotations

from smolvlm_tools.tools.page_reading import join_pages
from smolvlm_tools.types import PageRef, StageSeconds, Usage, VisionResult


def result(page, **more):
    usage = Usage(
        prompt_tokens=100,
        image_tokens=80,
        completion_tokens=10 * page,
        tiles=5,
        cached_tokens=7,
        cached_tiles=2,
        seconds=StageSeconds(preprocess=0.5, vision=1, prefill=2, decode=page),
        peak_bytes=1000 + page,
    )
    given = {"text": f"page {page}", "finish_reason": "stop", "confidence": 0.5 + page / 10}
    return VisionResult(
        **{
            **given,
            "usage": usage,
            "model": "m",
            "backend": "fake",
            "device": "cpu",
            "precision": "none",
            "image_sha256": (str(page),),
            "sources": (PageRef(page=page, pages=3),),
            **more,
        }
    )


def test_counts_and_seconds_add_up_and_memory_is_the_most_of_any_page():
    usage = join_pages([result(1), result(2), result(3)]).usage
    assert (usage.prompt_tokens, usage.image_tokens, usage.completion_tokens) == (300, 240, 60)
    assert (usage.tiles, usage.cached_tokens, usage.cached_tiles) == (15, 21, 6)
    assert usage.seconds.total == 3 * 3.5 + 6 and usage.peak_bytes == 1003
    assert usage.predicted_bytes is None


def test_the_worst_of_any_page_is_that_of_the_result():
    cut = result(2, finish_reason="length", flags=("truncated", "turned"), calibrated=())
    joined = join_pages(
        [result(1, flags=("turned",), calibrated=("confidence",)), cut, result(3, confidence=0.9)]
    )
    assert joined.finish_reason == "length" and joined.confidence == 0.6
    assert joined.flags == ("turned", "truncated") and joined.calibrated == ()
    looped = join_pages([result(1), result(2, finish_reason="repetition")])
    assert looped.finish_reason == "repetition"


def test_text_and_lines_are_those_of_the_pages_that_are_not_held_back():
    held = result(2, abstained=True, incomplete="unsure", value=None)
    some = join_pages([result(1, value=["a", "b"]), held, result(3, text="", value=[])])
    assert (some.text, some.value, some.abstained) == ("page 1", ["a", "b"], False)
    assert some.incomplete is None and len(some.pages) == 3
    assert [source.page for source in some.sources] == [1, 2, 3]
    assert some.image_sha256 == ("1", "2", "3")
    none = join_pages([held, held])
    assert (none.text, none.value, none.abstained, none.incomplete) == ("", None, True, "unsure")
