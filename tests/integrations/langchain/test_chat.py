"""`ChatSmolVLM` beside its messages: options, sharing, caches, cancelling, metadata."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.paths import RECEIPT, ROOT, SHAPES

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_smolvlm import ChatSmolVLM

from smolvlm_tools import BadOptions, Busy, SmolVLM, open_checkpoint
from tests.support.gated import (
    GatedBackend,
    check_cancelling_frees_the_engine,
    check_free_within_two_forwards,
)
from tests.support.langchain_scenes import ask


def test_a_reply_carries_usage_and_the_fields_of_the_result(chat):
    reply = chat.invoke(ask(), logprobs=True)
    usage, metadata = reply.usage_metadata, reply.response_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert 0 < usage["input_token_details"]["image"] < usage["input_tokens"]
    assert metadata["model_name"] == "smolvlm-embedded"
    assert metadata["model_provider"] == "smolvlm"
    assert metadata["finish_reason"] == "stop"
    assert 0 < metadata["confidence"] <= 1
    assert metadata["backend"] == "onnx"
    assert metadata["usage"]["tiles"] == 5
    tokens = [token["token"] for token in metadata["logprobs"]["content"]]
    assert "".join(tokens[:-1]).strip() == reply.text
    assert tokens[-1] == "<end_of_utterance>"
    assert "logprobs" not in chat.invoke(ask()).response_metadata


def test_a_stream_ends_with_one_chunk_that_holds_all_metadata(chat):
    chunks = list(chat.stream(ask("Can you describe this image?")))
    assert len(chunks) > 5
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].chunk_position == "last"
    full = sum(chunks[1:], chunks[0])
    assert full.response_metadata["model_name"] == "smolvlm-embedded"
    assert full.text == chat.invoke(ask("Can you describe this image?")).text


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("streaming", [False, True])
def test_the_output_version_decides_what_content_is(version, streaming, embedded):
    chat = ChatSmolVLM(model=embedded, output_version=version, streaming=streaming)
    reply = chat.invoke(ask())
    blocks = [dict(block) for block in reply.content] if version == "v1" else reply.content
    if version == "v1":
        assert [(block["type"], block["text"]) for block in blocks] == [("text", "red")]
    else:
        assert blocks == "red"
    assert chat.invoke([*ask(), reply, HumanMessage("And the square?")]).text


@pytest.mark.parametrize(
    ("fields", "call", "words"),
    [
        ({"max_new_tokens": 2}, {}, 2),
        ({"max_tokens": 2}, {}, 2),
        ({"max_tokens": 2, "max_new_tokens": 3}, {}, 3),
        ({"max_tokens": 5, "max_new_tokens": 6}, {"max_tokens": 4}, 4),
        ({}, {"max_tokens": 2, "max_new_tokens": 3}, 3),
        ({"max_new_tokens": 2}, {"max_new_tokens": None}, 2),
    ],
)
def test_max_tokens_is_an_alias_that_max_new_tokens_beats(fields, call, words, scripted):
    chat = ChatSmolVLM(engine=scripted[0], **fields)
    assert chat.invoke("count", **call).usage_metadata["output_tokens"] == words


def test_stop_texts_come_from_the_call_or_else_from_the_model(scripted):
    whole = ChatSmolVLM(engine=scripted[0]).invoke("count").text
    assert whole == "one two three four five six seven eight nine"
    chat = ChatSmolVLM(engine=scripted[0], stop=["seven"])
    assert chat.invoke("count").text.strip() == "one two three four five six"
    assert chat.invoke("count", stop=["four"]).text.strip() == "one two three"
    assert chat.bind(stop="two").invoke("count").text.strip() == "one"


def test_an_option_that_nobody_knows_is_told(scripted):
    chat = ChatSmolVLM(engine=scripted[0])
    with pytest.raises(BadOptions, match="'temprature'"):
        chat.invoke("count", temprature=1)
    with pytest.raises(BadOptions, match="temperature"):
        chat.invoke("count", temperature=-1)
    with pytest.warns(UserWarning, match="no option 'temprature'"):
        ChatSmolVLM(temprature=1)
    ChatSmolVLM(timeout=60, max_retries=2, api_key="x")


def test_models_configured_alike_share_one_engine(embedded):
    alike = {"model": embedded, "load_options": {"batch_size": 3}}
    one, other = ChatSmolVLM(**alike), ChatSmolVLM(**alike, temperature=0.5)
    apart = ChatSmolVLM(model=embedded, load_options={"batch_size": 2})
    for model in (one, other, apart):
        model.invoke("Hello", max_tokens=1)
    engines = [model._source({}).get() for model in (one, other, apart)]
    assert engines[0] is engines[1]
    assert engines[0] is not engines[2]
    one.close()
    assert other.invoke("Hello", max_tokens=1).usage_metadata["output_tokens"] == 1
    for model in (one, other, apart):
        model.close()
        model.close()
    assert one._source({}).loaded is None


@pytest.mark.parametrize("again", [pickle.dumps, None], ids=["pickled", "copied"])
def test_a_pickled_or_copied_model_finds_its_engine_again(again, chat):
    engine = chat._source({}).get()
    twin = pickle.loads(again(chat)) if again else chat.model_copy()
    assert twin._source({}).get() is engine
    assert twin.invoke(ask()).text == "red"


def test_configurable_fields_rebuild_the_model_over_the_same_engine(chat):
    flexible = chat.configurable_fields(
        max_new_tokens=ConfigurableField(id="longest"), stop=ConfigurableField(id="stop")
    )
    short = flexible.with_config(configurable={"longest": 1})
    assert short.invoke("Hello").usage_metadata["output_tokens"] == 1
    assert flexible.invoke("Hello").usage_metadata["output_tokens"] > 1


def test_an_engine_of_ones_own_is_used_and_refuses_to_be_pickled(scripted):
    chat = ChatSmolVLM(engine=scripted[0])
    assert chat.invoke("count").text.strip()
    assert chat.configurable_fields(seed=ConfigurableField(id="seed")).invoke("count").text
    with pytest.raises(BadOptions, match="cannot be pickled"):
        pickle.dumps(chat)
    chat.close()
    assert chat.invoke("count").text.strip()


def test_making_a_model_loads_nothing():
    code = (
        "import sys, langchain_smolvlm as l; l.ChatSmolVLM(model='none such');"
        "print([m for m in ('onnxruntime', 'torch', 'pypdfium2') if m in sys.modules])"
    )
    path = f"{ROOT}:{ROOT / 'integrations'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("globally", [True, False])
def test_a_replaced_file_is_another_key_of_the_cache(embedded, tmp_path, monkeypatch, globally):
    cache, path = InMemoryCache(), tmp_path / "picture.png"
    monkeypatch.chdir(tmp_path)
    if globally:
        monkeypatch.setattr("langchain_core.globals._llm_cache", cache)
    chat = ChatSmolVLM(model=embedded, cache=None if globally else cache)
    image = {"type": "image", "path": str(path)}
    asked = [HumanMessage([image, {"type": "text", "text": "What does it say?"}])]
    said = []
    for source in (SHAPES, RECEIPT):
        path.write_bytes(source.read_bytes())
        said += [chat.invoke(asked).text, asyncio.run(chat.ainvoke(asked)).text]
    assert len(cache._cache) == 2
    assert said[0] == said[1] != said[2] == said[3]
    assert image == {"type": "image", "path": str(path)}, "the caller's own message is as it was"


def test_caches_keep_apart_what_differs_and_find_what_does_not(scripted):
    vlm, backend = scripted
    cache = InMemoryCache()
    cold, warm = (ChatSmolVLM(engine=vlm, cache=cache, temperature=t) for t in (0.0, 1.0))

    def runs(chat, *arguments, **options):
        before = backend.prefills
        chat.invoke(*arguments, **options)
        return backend.prefills - before

    assert [runs(cold, "count"), runs(cold, "count")] == [1, 0]
    assert [runs(warm, "count"), runs(warm, "count", max_tokens=3)] == [1, 1]
    blocks = [
        {"type": "image", "base64": "iVBORw0KGgo" + data, "id": id_}
        for data, id_ in (("A", "lc_1"), ("A", "lc_2"), ("B", "lc_3"))
    ]
    prompts = [cold._convert_input([HumanMessage([block])]).to_messages() for block in blocks]
    assert prompts[0][0].content == prompts[1][0].content != prompts[2][0].content
    assert cold._identifying_params["temperature"] == 0.0


def test_a_full_queue_is_waited_for(scripted_small):
    chat, backend = scripted_small
    backend.open()

    async def many():
        return await asyncio.gather(*(chat.ainvoke(f"count {n}") for n in range(12)))

    async def streamed():
        return [chunk.text async for chunk in chat.astream("count")]

    assert len({reply.text for reply in asyncio.run(many())}) == 1
    with ThreadPoolExecutor(12) as threads:
        assert len(list(threads.map(chat.invoke, ["count"] * 12))) == 12
        assert len(list(threads.map(lambda _: list(chat.stream("count")), range(12)))) == 12

    async def streams():
        return await asyncio.gather(*(streamed() for _ in range(12)))

    assert len(asyncio.run(streams())) == 12


def test_the_wait_for_a_full_queue_has_an_end(scripted_small):
    chat, backend = scripted_small
    hello = [{"role": "user", "content": "hello"}]
    with chat.engine.stream(hello) as running:
        backend.wait_for()  # the engine has taken it, and the next one fills the queue
        with chat.engine.stream(hello) as waiting:
            hasty = chat.model_copy(update={"busy_timeout": 0.2})
            for call in (hasty.invoke, lambda text: list(hasty.stream(text))):
                began = time.monotonic()
                with pytest.raises(Busy):
                    call("count")
                assert time.monotonic() - began >= 0.2
            with pytest.raises(Busy):
                asyncio.run(chat.model_copy(update={"busy_timeout": 0}).ainvoke("count"))
            backend.open()
            assert running.result().text == waiting.result().text


def test_a_batch_is_decoded_together(tiny_a):
    """The backend waits until all four are in the queue, and then sees all four in one step."""

    class Together(SmolVLM):
        def generate(self, messages, **options):
            reply = self.stream(messages, **options)
            barrier.wait()
            return reply.result()

    class Waiting(GatedBackend):
        widest = 0

        def step(self, token_ids, caches):
            self.widest = max(self.widest, len(caches))
            return super().step(token_ids, caches)

    checkpoint = open_checkpoint(tiny_a)
    backend = Waiting.saying(checkpoint, " one two three four")
    barrier = threading.Barrier(4, action=backend.open)
    with Together(checkpoint, backend) as vlm:
        replies = ChatSmolVLM(engine=vlm).batch(["a", "b", "c", "d"])
    assert {reply.text for reply in replies} == {"one two three four"}
    assert backend.widest == 4


def test_more_inputs_than_the_queue_holds_are_answered_all(scripted):
    chat = ChatSmolVLM(engine=scripted[0])
    inputs = [f"count {i}" for i in range(90)]
    assert len(chat.batch(inputs)) == 90
    assert len(asyncio.run(chat.abatch(inputs))) == 90
    assert len(chat.batch(inputs, [{"tags": [str(i)]} for i in range(90)])) == 90


def test_a_rate_limiter_is_asked_before_every_call(scripted):
    class Limiter(InMemoryRateLimiter):
        asked = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            Limiter.asked += 1
            return True

    chat = ChatSmolVLM(engine=scripted[0], rate_limiter=Limiter())
    chat.invoke("count")
    list(chat.stream("count"))
    assert Limiter.asked == 2


@pytest.mark.parametrize("streaming", [False, True])
def test_cancelling_a_task_stops_the_engine_within_two_steps(streaming, scripted):
    vlm, backend = scripted
    chat = ChatSmolVLM(engine=vlm, max_new_tokens=500, repetition_guard=False, streaming=streaming)

    backend.shut()
    check_cancelling_frees_the_engine(
        backend, vlm, lambda: chat.ainvoke("count", ignore_eos=True), decoded=4
    )


def test_leaving_a_stream_stops_the_engine_within_two_steps(scripted):
    vlm, backend = scripted
    chat = ChatSmolVLM(engine=vlm, max_new_tokens=500, repetition_guard=False)

    backend.shut()

    async def leave() -> None:
        backend.gate.release(3)
        stream = chat.astream("count", ignore_eos=True)
        async for _ in stream:
            break
        await asyncio.to_thread(backend.wait_for, 4)
        await stream.aclose()

    asyncio.run(leave())
    check_free_within_two_forwards(backend, vlm)


def test_the_model_tells_tracers_what_it_is(chat):
    bound = ChatSmolVLM(model="embedded", max_tokens=7, stop=["x"])
    params = bound._get_ls_params(temperature=0.5)
    assert params["ls_provider"] == "smolvlm"
    assert params["ls_model_name"] == "embedded"
    assert params["ls_temperature"] == 0.5
    assert params["ls_max_tokens"] == 7
    assert params["ls_stop"] == ["x"]
    assert bound._get_ls_params(stop=["y"], model="256m")["ls_model_name"] == "256m"


@pytest.mark.skipif(
    not hasattr(ChatSmolVLM, "_set_model_profile"),
    reason="this langchain-core knows no profiles of models",
)
def test_the_profile_tells_what_the_model_can_do(chat):
    assert chat.profile["image_inputs"] is True
    assert chat.profile["structured_output"] is True
    assert chat.profile["tool_calling"] is chat.profile["tool_choice"] is False
    assert chat.profile["max_input_tokens"] == 8192
    unknown = ChatSmolVLM(model="no such model").profile
    assert unknown["image_inputs"] is True and "max_input_tokens" not in unknown
