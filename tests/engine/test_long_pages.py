"""Transcriptions become as long as their page, within the context and the memory budget."""

from __future__ import annotations

import numpy as np
import pytest

from smolvlm_tools import SmolVLM
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.engine import admission
from tests.support.paths import RECEIPT


def script(tokens: int, end: int) -> list[int]:
    """Random words, which no guard takes for a loop, and the end of the turn."""
    return [*np.random.default_rng(7).integers(40, 200, tokens).tolist(), end]


@pytest.fixture
def long_reply(checkpoint):
    """An engine whose page takes 700 tokens."""
    with SmolVLM(checkpoint, FakeBackend(checkpoint.config, [])) as vlm:
        ends = vlm._pipeline.layouter.end_ids
    backend = FakeBackend(checkpoint.config, script(700, min(ends)))
    with SmolVLM(checkpoint, backend) as vlm:
        yield vlm


def test_a_transcription_goes_on_until_the_page_ends(long_reply):
    result = long_reply.transcribe(RECEIPT)
    assert result.finish_reason == "stop"
    assert result.usage.completion_tokens == 701
    assert "truncated" not in result.flags


def test_a_limit_that_was_given_holds(long_reply):
    result = long_reply.transcribe(RECEIPT, max_new_tokens=600)
    assert (result.finish_reason, result.usage.completion_tokens) == ("length", 600)
    assert "truncated" in result.flags


def test_other_tasks_keep_the_default_limit(long_reply):
    assert long_reply.describe(RECEIPT).usage.completion_tokens == 512


def test_the_context_ends_a_transcription(checkpoint):
    backend = FakeBackend(checkpoint.config, script(9_000, 2))
    with SmolVLM(checkpoint, backend) as vlm:
        result = vlm.transcribe(RECEIPT)
    context = checkpoint.config.text.context_length
    assert result.finish_reason == "length"
    assert result.usage.prompt_tokens + result.usage.completion_tokens == context


def test_without_memory_for_more_a_transcription_ends_and_says_so(long_reply, monkeypatch):
    monkeypatch.setattr(admission.Admission, "lengthen", lambda self, reply: False)
    result = long_reply.transcribe(RECEIPT)
    assert (result.finish_reason, result.usage.completion_tokens) == ("length", 512)
    assert "truncated" in result.flags


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_reply_that_grew_is_the_same_as_one_with_room_from_the_start(
    embedded, backend, monkeypatch
):
    monkeypatch.setattr(admission, "LONGER_BY", 7)
    with SmolVLM.load(embedded, backend=backend, precision="fp32", cache=False) as vlm:
        whole = vlm.transcribe(RECEIPT, max_new_tokens=100, logprobs=True)
        make = vlm._request

        def short(*arguments):
            request = make(*arguments)
            assert request.grows
            object.__setattr__(
                request, "options", request.options.model_copy(update={"max_new_tokens": 5})
            )
            return request

        monkeypatch.setattr(vlm, "_request", short)
        grown = vlm.transcribe(RECEIPT, logprobs=True)
    assert grown.usage.completion_tokens > 12, "it grew more than once"
    assert grown.text == whole.text
    assert [token.id for token in grown.tokens] == [token.id for token in whole.tokens]
