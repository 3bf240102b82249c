"""Races, threads, text that is odd, and requests that leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from smolvlm_tools import (
    BadPrompt,
    Busy,
    Cancelled,
    Closed,
    ModelError,
    ModelInvalid,
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.prompt.chat import encode_text
from tests.support.gated import GatedBackend
from tests.support.requests import HELLO


@pytest.fixture(scope="module")
def checkpoint(tiny_a):
    return open_checkpoint(tiny_a)


class Cache(SimpleNamespace):
    """Like the fake's, but one that can be watched."""

    def __init__(self, capacity):
        super().__init__(capacity=capacity, length=0, prompt=None)


def test_no_more_clients_than_places_are_never_told_busy(checkpoint):
    refused = []
    with SmolVLM(checkpoint, FakeBackend(checkpoint.config, [5]), max_queue=1) as vlm:

        def client() -> None:
            for _ in range(200):
                try:
                    vlm.generate(HELLO, max_new_tokens=1)
                except Busy as error:
                    refused.append(error)

        threads = [threading.Thread(target=client) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not refused


def test_an_async_stream_outside_a_loop_is_refused_without_noise(vlm, capsys):
    with pytest.raises(RuntimeError, match="event loop"):
        vlm.astream(HELLO)
    gc.collect()
    assert "Exception ignored" not in capsys.readouterr().err


def test_a_stream_read_to_its_end_still_knows_its_result(vlm):
    stream = vlm.stream(HELLO)
    last = list(stream)[-1]
    assert stream.result() is last.result
    assert stream.result() is last.result

    async def main() -> None:
        stream = vlm.astream(HELLO)
        last = [chunk async for chunk in stream][-1]
        assert await stream.result() is last.result

    asyncio.run(main())


@pytest.mark.parametrize("end", ["answer", "cancelled", "failed"])
def test_a_finished_request_leaves_nothing_behind_even_if_its_error_is_kept(checkpoint, end):
    class Failing(GatedBackend):
        """Its caches can be watched."""

        def create_cache(self, capacity):
            cache = Cache(capacity)
            caches.append(weakref.ref(cache))
            return cache

        def forward(self, token_ids, cache, features=()):
            logits = super().forward(token_ids, cache, features)
            if end == "failed" and self.forwards == 2:
                logits[:] = np.nan
            return logits

    caches: list[weakref.ref] = []
    backend = Failing(checkpoint.config, encode_text(checkpoint.tokenizer(), " one two three"))
    kept, cancel = None, threading.Event()
    gc.disable()
    try:
        with SmolVLM(checkpoint, backend) as vlm:
            array = np.zeros((30, 40, 3), np.uint8)
            source = weakref.ref(array)
            stream = vlm.stream(
                [{"role": "user", "content": [{"type": "image", "image": array}]}],
                cancel=cancel,
                max_new_tokens=3,
            )
            del array
            backend.gate.release()
            next(stream)
            if end == "cancelled":
                cancel.set()
            backend.gate.release(100)
            try:
                stream.result()
            except (Cancelled, ModelInvalid) as error:
                kept = error
            assert (kept is None) == (end == "answer")
            assert caches[0]() is None
            vlm.generate(HELLO, max_new_tokens=1)
            assert source() is None
            if kept is not None:
                error_seen = weakref.ref(kept)
                kept = None
                assert error_seen() is None, "the error is part of a reference cycle"
    finally:
        gc.enable()


def test_forty_threads_stream_side_by_side(checkpoint):
    backend = FakeBackend.saying(checkpoint, " a red circle")
    texts = []
    with SmolVLM(checkpoint, backend, max_queue=40) as vlm:

        def client() -> None:
            texts.append("".join(chunk.text for chunk in vlm.stream(HELLO)))

        threads = [threading.Thread(target=client) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == ["a red circle"] * 40


def test_a_lost_character_is_named_without_encoding_every_one(checkpoint):
    class Lossy:
        """Drops one character, as a vocabulary without its bytes does; counts the calls."""

        encode_special_tokens, calls = False, 0

        def encode(self, text, add_special_tokens):
            self.calls += 1
            return SimpleNamespace(ids=[ord(character) for character in text if character != "字"])

        def decode(self, ids, skip_special_tokens):
            return "".join(map(chr, ids))

    tokenizer = Lossy()
    with pytest.raises(BadPrompt, match=r"\\u5b57"):
        encode_text(tokenizer, "a" * 5000 + "字" + "b" * 5000)
    assert tokenizer.calls == 1


def test_an_image_token_that_the_model_says_itself_is_no_text(checkpoint):
    image_token = checkpoint.config.image_token_id
    script = [image_token, *encode_text(checkpoint.tokenizer(), " ok"), image_token]
    with SmolVLM(checkpoint, FakeBackend(checkpoint.config, script)) as vlm:
        result = vlm.generate(HELLO, max_new_tokens=4, logprobs=True)
    assert result.text == "ok" and result.tokens[0].id == image_token


def test_ignore_eos_gives_exactly_the_tokens_asked_for(vlm):
    result = vlm.generate(HELLO, ignore_eos=True, max_new_tokens=40, logprobs=True)
    assert len(result.tokens) == result.usage.completion_tokens == 40
    assert result.finish_reason == "length"


def test_a_torch_failure_is_a_model_error_and_the_next_request_succeeds(tiny_a, monkeypatch):
    pytest.importorskip("torch")
    with SmolVLM.load(tiny_a, backend="torch") as vlm:
        decoder = vlm._pipeline.backend._decoder
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "prefill", _run_out_of_memory)
            with pytest.raises(ModelError, match="memory"):
                vlm.generate(HELLO, max_new_tokens=1)
        assert vlm.generate(HELLO, max_new_tokens=1).usage.completion_tokens == 1
        backend = vlm._pipeline.backend
    with pytest.raises(Closed):
        backend.create_cache(8)
    with pytest.raises(Closed):
        backend.encode(np.zeros((1, 3, 32, 32), np.float32))


def _run_out_of_memory(*_):
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


EXIT_SCRIPT = """
import sys
from smolvlm_tools import SmolVLM
vlm = SmolVLM.load(sys.argv[1], backend=sys.argv[2], threads=1)
stream = vlm.stream([{"role": "user", "content": "hi"}], max_new_tokens=4000, ignore_eos=True,
                    repetition_guard=False)
next(stream)
print("leaving")
"""


def test_a_program_may_end_in_the_middle_of_a_reply(tiny_onnx):
    done = subprocess.run(
        [sys.executable, "-c", EXIT_SCRIPT, str(tiny_onnx), "onnx"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "leaving", "")
