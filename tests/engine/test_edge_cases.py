"""What a second pair of eyes found: races, dropped replies, odd arguments, memory held too long."""

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
from PIL import Image

from smolvlm_tools import (
    BadOptions,
    BadPrompt,
    Busy,
    Cancelled,
    Closed,
    CorruptImage,
    GenerationOptions,
    ImagePart,
    ModelError,
    ModelInvalid,
    ModelNotFound,
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.decoding.sampling import Sampler
from smolvlm_tools.prompt.chat import encode_text
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.gated import GatedBackend

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def checkpoint(tiny_a):
    return open_checkpoint(tiny_a)


@pytest.fixture
def vlm(checkpoint):
    with SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a red circle")) as engine:
        yield engine


def picture(size=(40, 30)) -> Image.Image:
    return Image.new("RGB", size, "red")


class Cache(SimpleNamespace):
    """Like the fake's, but one that can be watched."""

    def __init__(self, capacity):
        super().__init__(capacity=capacity, length=0, prompt=None)


# The queue


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


def test_a_stream_closed_early_has_no_result(vlm):
    stream = vlm.stream(HELLO)
    next(stream)
    stream.close()
    with pytest.raises(Cancelled):
        stream.result()


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


# Arguments


@pytest.mark.parametrize("question", [None, 5, b"what?", "", "\n"])
def test_a_question_that_is_no_text_is_refused(vlm, question):
    with pytest.raises(BadPrompt, match="question"):
        vlm.ask(picture(), question)


@pytest.mark.parametrize("messages", [None, 5, np.zeros(3), picture(), [None], [[]], "hi", [{}]])
def test_anything_but_a_conversation_is_refused(vlm, messages):
    with pytest.raises(BadPrompt):
        vlm.generate(messages)


def test_a_conversation_may_come_from_an_iterator(vlm):
    assert vlm.generate(iter(HELLO)).text == "a red circle"


def test_a_cancel_that_is_no_event_is_refused(vlm):
    with pytest.raises(BadOptions, match="cancel"):
        vlm.generate(HELLO, cancel=True)


def test_a_plan_for_an_unknown_task_is_refused(vlm):
    with pytest.raises(BadOptions, match="sing"):
        vlm.plan(picture(), task="sing")


@pytest.mark.parametrize(
    "options", [{"device": None}, {"device": "tpu"}, {"threads": "many"}, {"threads": 0}]
)
def test_load_refuses_what_names_no_device_or_thread_count(tiny_a, options):
    with pytest.raises(BadOptions, match=next(iter(options))):
        SmolVLM.load(tiny_a, **options)


@pytest.mark.parametrize("name", [None, 5, "no-such-alias", "~/nothing"])
def test_load_refuses_what_names_no_model(name):
    with pytest.raises(ModelNotFound):
        SmolVLM.load(name)


@pytest.mark.parametrize("key", ["image", "url", "path", "base64"])
def test_the_names_transformers_gives_an_image_are_understood(vlm, tmp_path, key):
    picture().save(tmp_path / "red.png")
    part = {"type": "image", key: str(tmp_path / "red.png")}
    assert len(vlm.generate([{"role": "user", "content": [part]}]).image_sha256) == 1
    with pytest.raises(BadPrompt):
        vlm.generate([{"role": "user", "content": [{**part, "image": "a", "url": "b"}]}])
    assert ImagePart(image="x").model_dump() == {"type": "image", "image": "x"}


def test_images_in_messages_are_handed_on_and_not_copied():
    source = picture()
    assert ImagePart.model_validate({"type": "image", "image": source}).image is source


@pytest.mark.parametrize("kind", ["directory", "text", "truncated", "one"])
def test_broken_files_get_a_one_line_answer(vlm, tmp_path, kind):
    path = tmp_path / "file.png"
    if kind == "directory":
        path.mkdir()
    elif kind == "text":
        path.write_text("not an image")
    elif kind == "truncated":
        Image.effect_noise((300, 300), 50).save(path, "JPEG")
        path.write_bytes(path.read_bytes()[:3000])
    else:
        picture((1, 1)).save(path)
        assert vlm.describe(path).text == "a red circle"
        return
    with pytest.raises(Exception, match=r"file\.png") as found:
        vlm.describe(path)
    assert "\n" not in str(found.value) and found.value.remedy
    assert kind != "truncated" or isinstance(found.value, CorruptImage)


# Text


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


# Models


@pytest.mark.parametrize(
    "change",
    [
        {"image_mean": [0.5]},
        {"size": {"longest_edge": 0}},
        {"size": {"longest_edge": float("inf")}},
        {"size": 5},
        {"resample": 17},
    ],
)
def test_impossible_image_numbers_are_a_fault_of_the_model(tmp_path, change):
    import json

    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelInvalid):
        ModelConfig.from_folder(folder)


@pytest.mark.parametrize("change", [{"vision_config": [1]}, {"text_config": "x"}])
def test_config_sections_of_another_kind_are_a_fault_of_the_model(tmp_path, change):
    import json

    folder = build_tiny_checkpoint(tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelInvalid):
        ModelConfig.from_folder(folder)


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


# Sampling


@pytest.mark.parametrize(
    "options", [{"top_k": 7}, {"top_p": 0.8}, {"top_k": 30, "top_p": 0.51}, {"top_p": 1e-9}, {}]
)
@pytest.mark.parametrize("levels", [5, 1000])
def test_only_the_tokens_that_a_full_sort_would_keep_are_drawn(options, levels):
    logits = np.random.default_rng(0).integers(0, levels, 200).astype(np.float32) / levels * 6
    order = np.argsort(-logits, kind="stable")[: options.get("top_k", 200)]
    shares = np.exp(logits[order]) / np.exp(logits[order]).sum()
    kept = set(order[np.cumsum(shares) - shares < options.get("top_p", 1)].tolist())
    sampler = Sampler(GenerationOptions(temperature=1.0, seed=1, **options))
    drawn = {sampler.pick(logits)[0] for _ in range(4000)}
    assert drawn <= kept
    assert len(kept) > 60 or drawn == kept
