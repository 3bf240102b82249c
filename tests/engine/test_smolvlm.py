from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import BadOptions, BadPrompt, Busy, Closed, SmolVLM
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.prompt.chat import END_OF_UTTERANCE, encode_text
from tests.support.gated import GatedBackend
from tests.support.requests import HELLO


def engine(checkpoint, text, **options) -> SmolVLM:
    return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, text), **options)


def image(size=(40, 30)) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), "uint8")
    )


def test_a_result_says_what_was_said_and_what_it_cost(checkpoint):
    with engine(checkpoint, " a red circle") as vlm:
        result = vlm.ask(image((100, 30)), "What is it?")
    assert result.text == "a red circle"
    assert result.value is None
    assert result.finish_reason == "stop" and result.flags == ()
    assert result.usage.tiles == 9  # 4x2 and the global one
    assert result.usage.image_tokens == 9 * 16
    assert result.usage.prompt_tokens > result.usage.image_tokens
    assert result.confidence > 0.99
    assert result.model == checkpoint.folder.name and result.revision is None
    assert (result.backend, result.device, result.precision) == ("fake", "cpu", "none")
    assert len(result.image_sha256) == 1 and len(result.image_sha256[0]) == 64
    assert result.tokens is None
    assert type(result).model_validate_json(result.model_dump_json()) == result


def test_a_stream_is_one_chunk_per_token_and_joins_to_the_reply(checkpoint):
    text = " Grüße, 12 µm — naïve 字 😀 end"
    with engine(checkpoint, text) as vlm:
        whole = vlm.generate(HELLO, logprobs=True)
        chunks = list(vlm.stream(HELLO, logprobs=True))
    assert whole.text == text.strip()
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert [chunk.token_id for chunk in chunks] == [token.id for token in whole.tokens]
    assert len(chunks) == whole.usage.completion_tokens
    assert [chunk.result is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert "" in [chunk.text for chunk in chunks], "bytes of one character come in several tokens"
    last = chunks[-1].result
    assert last.model_copy(update={"usage": whole.usage}) == whole


def test_an_empty_reply_still_ends_with_a_result(checkpoint):
    with engine(checkpoint, "") as vlm:
        chunks = list(vlm.stream(HELLO))
    assert [(chunk.text, chunk.result.text) for chunk in chunks] == [("", "")]


@pytest.mark.parametrize("stop", ["circle", ("blue", "circle"), " circle", "cir"])
def test_a_stop_text_ends_the_reply_and_is_not_part_of_it(checkpoint, stop):
    with engine(checkpoint, " a red circle and a square") as vlm:
        result = vlm.generate(HELLO, stop=stop)
        streamed = "".join(chunk.text for chunk in vlm.stream(HELLO, stop=stop))
    assert result.text == streamed == "a red"
    assert result.finish_reason == "stop"


def test_a_stop_text_that_never_completes_loses_nothing(checkpoint):
    with engine(checkpoint, " a red circl") as vlm:
        assert vlm.generate(HELLO, stop="circle").text == "a red circl"


def test_the_token_limit_is_said(checkpoint):
    with engine(checkpoint, " a red circle and a square") as vlm:
        result = vlm.generate(HELLO, max_new_tokens=3)
    assert result.finish_reason == "length" and result.flags == ("truncated",)
    assert result.usage.completion_tokens == 3


def test_a_loop_is_stopped_and_said_unless_the_guard_is_off(checkpoint):
    with engine(checkpoint, " and a cat" * 60) as vlm:
        guarded = vlm.generate(HELLO)
        free = vlm.generate(HELLO, repetition_guard=False)
    assert guarded.finish_reason == "repetition" and "repetition" in guarded.flags
    assert free.finish_reason == "stop" and free.text.count("cat") == 60


def test_lists_and_numbers_are_not_taken_for_loops(checkpoint):
    rows = "\n".join(f"{n}: item {n * 7 % 10} of {n}" for n in range(30))
    with engine(checkpoint, " 0000000000000000000000\n" + rows) as vlm:
        assert vlm.generate(HELLO).finish_reason == "stop"


def test_control_characters_never_reach_the_reader(checkpoint):
    with engine(checkpoint, " \x1b[31mred\x07 \u202eevil\u202c\tdone") as vlm:
        assert vlm.generate(HELLO).text == "[31mred evil\tdone"


def test_a_blank_image_is_flagged(checkpoint):
    with engine(checkpoint, " text") as vlm:
        assert vlm.describe(Image.new("RGB", (50, 50), "white")).flags == ("blank_image",)
        assert vlm.describe(image()).flags == ()


def test_sampling_is_repeatable_by_seed_and_differs_between_seeds(checkpoint):
    class Flat(FakeBackend):
        def forward(self, token_ids, cache, features=()):
            super().forward(token_ids, cache, features)
            return np.linspace(0, 1, self._config.text.vocab_size, dtype=np.float32)

    with SmolVLM(checkpoint, Flat(checkpoint.config, [5])) as vlm:

        def sample(seed, **more):
            options = {"temperature": 1.0, "max_new_tokens": 20, "ignore_eos": True, **more}
            result = vlm.generate(HELLO, seed=seed, logprobs=True, **options)
            return [token.id for token in result.tokens]

        assert sample(1) == sample(1) != sample(2)
        last = checkpoint.config.text.vocab_size - 1
        assert set(sample(1, top_k=1)) == {last} == set(sample(1, top_p=1e-6))
        assert set(sample(3, top_k=2)) == {last, last - 1}


@pytest.mark.parametrize(
    "options",
    [
        {"max_new_tokens": 0},
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"top_p": 1.5},
        {"stop": [""]},
        {"max_tokens": 5},
        {"resolution": "huge"},
        {"task": "sing"},
    ],
)
def test_impossible_options_are_refused_by_name(checkpoint, options):
    with engine(checkpoint, "x") as vlm, pytest.raises(BadOptions, match=next(iter(options))):
        vlm.generate(HELLO, **options)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        "hello",
        [{"role": "robot", "content": "hi"}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": [{"type": "audio", "audio": "x"}]}],
        [{"role": "user", "content": [{"type": "image"}]}],
    ],
)
def test_malformed_conversations_are_refused(checkpoint, messages):
    with engine(checkpoint, "x") as vlm, pytest.raises(BadPrompt):
        vlm.generate(messages)


def test_an_empty_question_is_refused(checkpoint):
    with engine(checkpoint, "x") as vlm, pytest.raises(BadPrompt, match="empty"):
        vlm.ask(image(), "  \n")


def test_a_prompt_longer_than_the_context_is_refused_with_its_length(checkpoint):
    with engine(checkpoint, "x") as vlm, pytest.raises(BadPrompt, match="context"):
        vlm.generate([{"role": "user", "content": "word " * 20_000}])


def test_a_full_queue_is_busy_at_once_and_recovers(checkpoint):
    backend = GatedBackend(checkpoint.config, [5])
    with SmolVLM(checkpoint, backend, max_queue=2, batch_size=1) as vlm:
        replies = [vlm.stream(HELLO, max_new_tokens=1)]
        backend.wait_for()
        replies += [vlm.stream(HELLO, max_new_tokens=1) for _ in range(2)]
        with pytest.raises(Busy):
            vlm.stream(HELLO)
        backend.gate.release(3)
        assert [reply.result().usage.completion_tokens for reply in replies] == [1, 1, 1]
        backend.gate.release()
        assert vlm.generate(HELLO, max_new_tokens=1).usage.completion_tokens == 1


def test_many_threads_get_the_replies_to_their_own_questions(checkpoint):
    class Echo(FakeBackend):
        """Says the digits of the prompt."""

        def forward(self, token_ids, cache, features=()):
            if cache.prompt is None:
                digits = [i for i in token_ids.tolist() if tokenizer.decode([i]).strip().isdigit()]
                scripts[id(cache)] = [*digits, end]
            self._script = scripts[id(cache)]
            return super().forward(token_ids, cache, features)

    tokenizer = checkpoint.tokenizer()
    end = tokenizer.token_to_id(END_OF_UTTERANCE)
    scripts: dict[int, list[int]] = {}
    replies: dict[int, str] = {}
    echo = Echo(checkpoint.config, [end])
    with SmolVLM(checkpoint, echo, max_queue=64, cache=False) as vlm:

        def ask(number: int) -> None:
            replies[number] = vlm.generate([{"role": "user", "content": f"say {number}"}]).text

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(100, 140)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert replies == {number: str(number) for number in range(100, 140)}


def test_a_closed_engine_refuses_and_frees_waiting_callers(checkpoint):
    backend = GatedBackend(checkpoint.config, [5])
    vlm = SmolVLM(checkpoint, backend)
    running, waiting = vlm.stream(HELLO), vlm.stream(HELLO)
    backend.wait_for()
    closer = threading.Thread(target=vlm.close)
    closer.start()
    time.sleep(0.05)
    backend.gate.release(100)
    closer.join()
    for stream in (running, waiting):
        with pytest.raises(Closed):
            list(stream)
    with pytest.raises(Closed):
        vlm.generate(HELLO)
    vlm.close()


def test_a_failed_request_does_not_harm_the_next(checkpoint, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    with engine(checkpoint, " fine") as vlm:
        for _ in range(3):
            with pytest.raises(Exception, match=r"broken\.png"):
                vlm.describe(broken)
            assert vlm.describe(image()).text == "fine"


def test_async_twins_give_the_same_and_leave_the_loop_free(checkpoint):
    backend = GatedBackend(checkpoint.config, [*encode_text(checkpoint.tokenizer(), " yes"), 2])

    async def main(vlm: SmolVLM) -> None:
        task = asyncio.create_task(vlm.agenerate(HELLO, max_new_tokens=2))
        for _ in range(5):
            await asyncio.sleep(0)  # the loop turns while the engine waits for the gate
        assert not task.done()
        backend.gate.release(100)
        result = await task
        texts = [chunk.text async for chunk in vlm.astream(HELLO, max_new_tokens=2)]
        assert "".join(texts) == result.text
        for reply in (vlm.adescribe(image()), vlm.aask(image(), "?"), vlm.atranscribe(image())):
            backend.gate.release(600)
            assert (await reply).usage.image_tokens > 0

    with SmolVLM(checkpoint, backend) as vlm:
        asyncio.run(main(vlm))


def test_a_plan_tells_the_cost_that_the_result_then_reports(checkpoint):
    with engine(checkpoint, " x") as vlm:
        plan = vlm.plan(image((200, 90)), task="ask", question="What is it?")
        usage = vlm.ask(image((200, 90)), "What is it?").usage
    assert (plan.tiles, plan.image_tokens, plan.prompt_tokens) == (
        usage.tiles,
        usage.image_tokens,
        usage.prompt_tokens,
    )
    assert plan.images[0].rows * plan.images[0].cols + 1 == plan.tiles
