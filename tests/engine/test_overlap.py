"""While a tile is encoded, the replies that are decoding go on; nothing else changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smolvlm_tools import Cancelled, Closed, ReplyStream, SmolVLM
from smolvlm_tools.prompt.chat import encode_text
from tests.support.gated import PATIENCE, GatedBackend
from tests.support.pictures import noise
from tests.support.requests import HELLO


def looking_at(side: int) -> list[dict]:
    return [{"role": "user", "content": [{"type": "image", "image": noise((side, side))}]}]


class SlowTiles(GatedBackend):
    """Encodes a tile when a test lets it, and makes a step when a test lets it."""

    def __init__(self, config, script) -> None:
        super().__init__(config, script)
        self.tiles, self.tile_gate = threading.Semaphore(0), threading.Semaphore(0)
        self.threads: set[str] = set()

    def encode(self, tiles):
        self.threads.add(threading.current_thread().name)
        self.tiles.release()
        assert self.tile_gate.acquire(timeout=PATIENCE)
        return super().encode(tiles)

    def wait_for_tile(self) -> None:
        assert self.tiles.acquire(timeout=PATIENCE), "no tile was encoded"


@pytest.fixture
def slow(checkpoint) -> SlowTiles:
    return SlowTiles(checkpoint.config, encode_text(checkpoint.tokenizer(), " x" * 400))


@contextmanager
def decoding(slow: SlowTiles, vlm: SmolVLM) -> Iterator[ReplyStream]:
    """A reply of 100 tokens that goes on as far as the gate lets it; it ends well."""
    stream = vlm.stream(HELLO, max_new_tokens=100, repetition_guard=False)
    slow.gate.release()
    next(stream)
    yield stream
    slow.open()
    assert stream.result().usage.completion_tokens == 100


def test_others_decode_while_a_tile_is_encoded(checkpoint, slow):
    with SmolVLM(checkpoint, slow) as vlm, decoding(slow, vlm) as other:
        page = vlm.stream(looking_at(8), max_new_tokens=3)
        slow.gate.release()
        slow.wait_for_tile()
        slow.gate.release(10)
        for _ in range(10):  # they come although the tile is not there
            next(other)
        slow.tile_gate.release(100)
        slow.open()
        assert page.result().usage.completion_tokens == 3
    assert len(slow.threads) == 1 and next(iter(slow.threads)).startswith("smolvlm-vision")


def test_alone_it_is_encoded_on_the_engines_thread(checkpoint, slow):
    slow.tile_gate.release(100)
    slow.open()
    with SmolVLM(checkpoint, slow) as vlm:
        vlm.generate(looking_at(8), max_new_tokens=2)
    assert slow.threads == {"smolvlm"}


def test_a_backend_that_cannot_do_both_at_once_does_one_after_the_other(checkpoint, slow):
    slow.encodes_beside = False
    slow.tile_gate.release(100)
    with SmolVLM(checkpoint, slow) as vlm, decoding(slow, vlm):
        page = vlm.stream(looking_at(8), max_new_tokens=2)
        slow.gate.release()
        slow.wait_for_tile()
        slow.open()
        page.result()
    assert slow.threads == {"smolvlm"}


def test_nobody_else_is_prepared_meanwhile(checkpoint, slow):
    with SmolVLM(checkpoint, slow) as vlm, decoding(slow, vlm) as other:
        pages = [vlm.stream(looking_at(side), max_new_tokens=3) for side in (8, 9, 10)]
        slow.gate.release()
        slow.wait_for_tile()
        slow.gate.release(5)
        for _ in range(5):
            next(other)
        assert not slow.tiles.acquire(blocking=False), "one page after the other"
        slow.tile_gate.release(100)
        slow.open()
        assert [page.result().usage.completion_tokens for page in pages] == [3, 3, 3]


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_page_that_is_given_up_meanwhile_leaves_the_others_alone(checkpoint, slow, how):
    cancel = threading.Event()
    with SmolVLM(checkpoint, slow) as vlm, decoding(slow, vlm):
        page = vlm.stream(looking_at(8), cancel=cancel)
        slow.gate.release()
        slow.wait_for_tile()
        if how == "cancel":
            cancel.set()
        else:
            page.close()
        slow.tile_gate.release(100)
        slow.open()
        if how == "cancel":
            with pytest.raises(Cancelled):
                page.result()
        assert vlm.generate(looking_at(9), max_new_tokens=3).usage.completion_tokens == 3


def test_a_failure_on_the_other_thread_is_the_requests_own(checkpoint, slow):
    def fail(tiles):
        raise RuntimeError("no luck")

    slow.encode = fail
    with SmolVLM(checkpoint, slow) as vlm, decoding(slow, vlm):
        page = vlm.stream(looking_at(8))
        slow.open()
        with pytest.raises(RuntimeError, match="no luck"):
            page.result()


def test_an_engine_can_be_closed_meanwhile(checkpoint, slow):
    vlm = SmolVLM(checkpoint, slow)
    other = vlm.stream(HELLO, max_new_tokens=390, repetition_guard=False)
    slow.gate.release()
    next(other)
    page = vlm.stream(looking_at(8))
    slow.gate.release()
    slow.wait_for_tile()
    threading.Timer(0.2, lambda: (slow.tile_gate.release(100), slow.open())).start()
    vlm.close()
    for stream in (page, other):
        with pytest.raises(Closed):
            list(stream)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_replies_are_the_same_as_alone(backend, embedded):
    messages = [HELLO, *(looking_at(side) for side in (64, 200, 300))]
    options = {"max_new_tokens": 12, "logprobs": True, "ignore_eos": True}
    with SmolVLM.load(embedded, backend=backend, precision="fp32", cache=False) as vlm:
        alone = [vlm.generate(each, **options) for each in messages]
        streams = [vlm.stream(each, **options) for each in messages * 2]
        together = [stream.result() for stream in streams]
    for one, other in zip(alone * 2, together, strict=True):
        assert [token.id for token in one.tokens] == [token.id for token in other.tokens]


def test_for_replies_that_nobody_reads_one_after_the_other_takes_less_time(checkpoint, slow):
    with SmolVLM(checkpoint, slow) as vlm:
        slow.open()
        slow.tile_gate.release(100)
        vlm.batch([HELLO, looking_at(8), looking_at(9)], max_new_tokens=40)
    assert slow.threads == {"smolvlm"}
