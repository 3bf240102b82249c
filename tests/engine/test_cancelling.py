"""Requests that are given up stop, and free the engine."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from smolvlm_tools import Cancelled, ImagePolicy, SmolVLM
from smolvlm_tools.prompt.chat import encode_text
from tests.support.gated import PATIENCE, GatedBackend, check_cancelling_frees_the_engine
from tests.support.pictures import noise
from tests.support.requests import HELLO


def test_an_event_cancels_between_two_tokens(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " one two"))
    cancel = threading.Event()
    with SmolVLM(checkpoint, backend) as vlm:
        stream = vlm.stream(HELLO, cancel=cancel)
        backend.gate.release()
        next(stream)
        cancel.set()
        backend.gate.release(100)
        with pytest.raises(Cancelled):
            list(stream)
    assert backend.forwards <= 3


def test_an_event_cancels_between_two_tiles(checkpoint):
    class GatedTiles(GatedBackend):
        encodes = 0

        def encode(self, tiles):
            self.encodes += 1
            self.entered.release()
            self.gate.acquire()
            return super().encode(tiles)

    backend = GatedTiles(checkpoint.config)
    cancel = threading.Event()
    with SmolVLM(checkpoint, backend) as vlm:
        messages = [{"role": "user", "content": [{"type": "image", "image": noise((128, 128))}]}]
        stream = vlm.stream(messages, cancel=cancel)
        backend.wait_for()
        cancel.set()
        backend.gate.release(100)
        with pytest.raises(Cancelled):
            next(stream)
    assert (backend.encodes, backend.forwards) == (1, 0)


def test_dropping_a_stream_frees_the_engine(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 50))
    with SmolVLM(checkpoint, backend) as vlm:
        stream = vlm.stream(HELLO)
        backend.gate.release()
        next(stream)
        del stream
        backend.gate.release(200)
        vlm.generate(HELLO, max_new_tokens=1)
    assert backend.forwards <= 4


def test_cancelling_a_task_stops_the_engine(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 90))
    with SmolVLM(checkpoint, backend) as vlm:
        check_cancelling_frees_the_engine(backend, vlm, lambda: vlm.agenerate(HELLO))


def test_dropping_an_async_stream_stops_the_engine(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 90))

    async def main(vlm: SmolVLM) -> None:
        backend.gate.release()
        async for _ in vlm.astream(HELLO):
            break
        gc.collect()
        backend.gate.release(300)
        await vlm.agenerate(HELLO, max_new_tokens=1)

    with SmolVLM(checkpoint, backend) as vlm:
        asyncio.run(main(vlm))
    assert backend.forwards <= 4


def test_an_async_stream_never_read_does_no_harm_when_its_loop_ends(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 20))
    kept = []

    async def main(vlm: SmolVLM) -> None:
        kept.append(vlm.astream(HELLO))

    with SmolVLM(checkpoint, backend) as vlm:
        asyncio.run(main(vlm))
        backend.gate.release(100)
        assert vlm.generate(HELLO, max_new_tokens=1).usage.completion_tokens == 1
    assert backend.forwards <= 4


def test_a_stream_closed_early_has_no_result(vlm):
    stream = vlm.stream(HELLO)
    next(stream)
    stream.close()
    with pytest.raises(Cancelled):
        stream.result()


def test_an_interrupt_while_waiting_stops_the_engine(checkpoint, monkeypatch):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 90))
    with SmolVLM(checkpoint, backend) as vlm:
        stream = vlm.stream(HELLO)
        backend.gate.release(2)

        class Interrupted:
            get = staticmethod(lambda: (_ for _ in ()).throw(KeyboardInterrupt))

        monkeypatch.setattr(stream, "_items", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            stream.result()
        backend.gate.release(200)
        vlm.generate(HELLO, max_new_tokens=1)
    assert backend.forwards <= 5


def test_who_waits_in_the_queue_is_told_of_a_cancel_before_there_is_room(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 50))
    cancel = threading.Event()
    with SmolVLM(checkpoint, backend, batch_size=1) as vlm, ThreadPoolExecutor(1) as thread:
        first = vlm.stream(HELLO)
        backend.wait_for()
        second = vlm.stream(HELLO, cancel=cancel)
        cancel.set()
        backend.gate.release(3)
        with pytest.raises(Cancelled):
            thread.submit(second.result).result(PATIENCE)
        assert not first.channel.closed.is_set()
        first.close()
        backend.open()


def test_who_waits_for_room_with_loaded_images_is_told_of_a_cancel(checkpoint):
    backend = GatedBackend(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 50))
    cancel, loading, go = threading.Event(), threading.Event(), threading.Event()

    def load(*_):
        loading.set()
        assert go.wait(PATIENCE)
        return []

    strangers = ImagePolicy(isolate=True)
    picture = {"role": "user", "content": [{"type": "image", "image": noise((64, 64))}]}
    with (
        SmolVLM(checkpoint, backend, batch_size=1, policy=strangers) as vlm,
        ThreadPoolExecutor(1) as thread,
    ):
        vlm._pipeline._loader._load = load
        second = vlm.stream([picture], cancel=cancel)
        assert loading.wait(PATIENCE)
        first = vlm.stream(HELLO)
        backend.wait_for()
        go.set()
        cancel.set()
        backend.gate.release(3)
        with pytest.raises(Cancelled):
            thread.submit(second.result).result(PATIENCE)
        assert not first.channel.closed.is_set()
        first.close()
        backend.open()
