"""What becomes of a server's words: texts, chunks, usage, flags."""

from __future__ import annotations

import asyncio
import base64
import io

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import (
    BadOptions,
    BadPrompt,
    ImageNotFound,
    ImagePolicy,
    PagesNeeded,
    UrlNotAllowed,
)
from smolvlm_tools.engine.loading import plan_identity
from tests.support.chat_servers import USAGE, chat_server, delta, says, sends, without
from tests.support.requests import HELLO

RED = Image.effect_noise((30, 20), 80).convert("RGB")


def encoded(image, kind, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sent_images(body) -> list[tuple[str, bytes]]:
    parts = [part for message in body["messages"] for part in message["content"]]
    uris = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [(uri.partition(";")[0][5:], base64.b64decode(uri.partition(",")[2])) for uri in uris]


def test_a_reply_has_text_confidence_usage_and_where_it_came_from():
    with chat_server(says(" A", " red", " dog", ". \n")) as server, server.engine() as vlm:
        result = vlm.describe(RED)
    assert result.text == "A red dog."
    assert result.confidence == pytest.approx(0.5)
    assert result.flags == () and result.tokens is None and result.value is None
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (70, 5)
    assert (result.usage.tiles, result.usage.image_tokens) == (0, 0)
    assert (result.backend, result.device, result.model) == ("remote", server.url, "some-model")
    assert len(result.image_sha256[0]) == 64
    assert server.bodies[0]["messages"][0]["content"][1]["text"] == "Can you describe this image?"


def test_chunks_join_to_the_reply_and_have_no_ids():
    with chat_server(says(" A", " red", " dog ", "")) as server, server.engine() as vlm:
        chunks = list(vlm.stream(HELLO, logprobs=True))
    assert "".join(chunk.text for chunk in chunks) == "A red dog" == chunks[-1].result.text
    assert {chunk.token_id for chunk in chunks} == {-1}
    assert [token.text for token in chunks[-1].result.tokens] == [" A", " red", " dog ", ""]


def test_control_characters_of_a_server_are_left_out():
    with chat_server(says("a\x1b[31mb\u202e")) as server, server.engine() as vlm:
        assert vlm.generate(HELLO).text == "a[31mb"


def test_a_server_without_logprobs_is_said_to_be_one():
    with chat_server(says("a", logprobs=False)) as server, server.engine() as vlm:
        result = vlm.generate(HELLO, logprobs=True)
        unsure = vlm.generate(HELLO, min_confidence=0.1)
    assert result.confidence == 0 and result.flags == ("no_logprobs",) and result.tokens is None
    assert unsure.abstained and unsure.incomplete == "unsure"


def test_a_reply_at_the_limit_is_flagged():
    with chat_server(says("a", "b", finish="length")) as server, server.engine() as vlm:
        result = vlm.generate(HELLO, max_new_tokens=2)
    assert result.finish_reason == "length" and result.flags == ("truncated",)


def test_a_server_that_ignores_the_limit_is_not_read_on():
    with chat_server(says(*"abcdefgh")) as server, server.engine() as vlm:
        assert vlm.generate(HELLO, max_new_tokens=3).finish_reason == "length"


def test_a_loop_is_ended():
    with chat_server(says(*["to", " be "] * 200)) as server, server.engine() as vlm:
        result = vlm.generate(HELLO)
        assert result.finish_reason == "repetition" and result.flags == ("repetition",)
        assert vlm.generate(HELLO, repetition_guard=False).finish_reason == "stop"
    assert len(result.text) < 400


def test_a_stop_text_is_cut_even_if_the_server_leaves_it_in():
    with chat_server(says("one", " END", " two")) as server, server.engine() as vlm:
        assert vlm.generate(HELLO, stop="END").text == "one"
    assert server.bodies[0]["stop"] == ["END"]


def test_a_server_that_does_not_stream_is_read_too():
    message = delta()
    message["choices"] = [{"message": {"content": "red"}, "finish_reason": "stop"}]
    whole = sends(str({**message, **{"usage": USAGE["usage"]}}).replace("'", '"').encode(),
                  "application/json")  # fmt: skip
    with chat_server(whole) as server, server.engine() as vlm:
        result = vlm.generate(HELLO)
    assert result.text == "red" and result.usage.prompt_tokens == 70


def test_greedy_requests_send_no_settings_of_sampling():
    with chat_server(says("a")) as server, server.engine() as vlm:
        vlm.generate(HELLO)
        vlm.generate(HELLO, temperature=0.5, top_p=0.9, seed=3)
    greedy, sampled = server.bodies
    assert greedy["temperature"] == 0 and not greedy.keys() & {"top_p", "top_k", "seed", "min_p"}
    assert (sampled["top_p"], sampled["top_k"], sampled["seed"]) == (0.9, 0, 3)
    assert sampled["max_tokens"] == 512 and sampled["stream"] is True


def test_fields_that_change_nothing_are_left_out_where_a_server_refuses_them():
    refusing = without("top_k", "min_p", "logprobs", "stream_options")
    with chat_server(refusing) as server, server.engine() as vlm:
        assert vlm.generate(HELLO, temperature=1).flags == ("no_logprobs",)
        assert vlm.generate(HELLO, temperature=1).text == "yes"
        assert len(server.requests) == 3, "it was learnt"
        with pytest.raises(Exception, match="top_k") as caught:
            vlm.generate(HELLO, temperature=1, top_k=5)
    assert caught.value.code == "remote_failed" and caught.value.status == 422


@pytest.mark.parametrize(
    ("source", "mime", "same"),
    [
        (encoded(RED, "PNG"), "image/png", True),
        (encoded(RED, "JPEG"), "image/jpeg", True),
        (encoded(RED.convert("L"), "PNG"), "image/png", True),
        (encoded(RED, "WEBP"), "image/png", False),
        (encoded(RED.convert("RGBA"), "PNG"), "image/png", False),
        (encoded(RED.convert("CMYK"), "JPEG"), "image/png", False),
        (RED, "image/png", False),
        (np.asarray(RED), "image/png", False),
    ],
)
def test_images_are_sent_as_every_server_reads_them(source, mime, same):
    with chat_server(says("a")) as server, server.engine() as vlm:
        vlm.describe(source)
    ((kind, data),) = sent_images(server.bodies[0])
    assert kind == mime and (isinstance(source, bytes) and data == source) is same
    assert Image.open(io.BytesIO(data)).size == (30, 20)


def test_an_image_on_its_side_is_sent_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    with chat_server(says("a")) as server, server.engine() as vlm:
        vlm.describe(encoded(RED, "JPEG", exif=exif))
    ((kind, data),) = sent_images(server.bodies[0])
    assert kind == "image/png" and Image.open(io.BytesIO(data)).size == (20, 30)


def test_images_pass_the_policy_before_anything_is_sent(tmp_path):
    with chat_server(says("a")) as server:
        with server.engine(policy=ImagePolicy(allow_urls=False)) as vlm:
            with pytest.raises(UrlNotAllowed):
                vlm.describe("http://localhost/x.png")
            with pytest.raises(ImageNotFound):
                vlm.describe(tmp_path / "missing.png")
    assert server.requests == []


def test_blank_images_have_no_text_and_are_flagged():
    white = Image.new("RGB", (40, 40), "white")
    with chat_server(says("a")) as server, server.engine() as vlm:
        nothing = vlm.transcribe(white)
        assert server.requests == []
        assert vlm.describe(white).flags == ("blank_image",)
    assert (nothing.text, nothing.flags, nothing.confidence) == ("", ("blank_image",), 1)


def test_many_questions_read_a_stream_once():
    with chat_server(says("red")) as server, server.engine() as vlm:
        file = io.BytesIO(encoded(RED, "PNG"))
        results = vlm.ask_many(file, {"a": "What color?", "b": "Which colour?"})
    assert [result.text for result in results.values()] == ["red", "red"]
    assert len({sent_images(body)[0] for body in server.bodies}) == 1


def test_twins_for_event_loops_and_batches():
    async def ask(vlm):
        one = await vlm.aask(RED, "What?")
        two = await vlm.abatch([HELLO, HELLO])
        chunks = [chunk.text async for chunk in vlm.astream(HELLO)]
        return [one.text, *(result.text for result in two), "".join(chunks)]

    with chat_server(says("red")) as server, server.engine() as vlm:
        assert asyncio.run(ask(vlm)) == ["red"] * 4
        assert [result.text for result in vlm.batch([HELLO] * 50)] == ["red"] * 50


def test_progress_is_told():
    seen = []
    with chat_server(says("a", "b")) as server, server.engine() as vlm:
        vlm.describe(RED, on_progress=lambda progress: seen.append((progress.stage, progress.done)))
    assert seen == [
        ("preprocess", 1), ("prefill", 0), ("prefill", 1), ("decode", 1), ("decode", 2)
    ]  # fmt: skip


def test_half_a_character_cannot_be_sent():
    with chat_server(says("a")) as server, server.engine() as vlm:
        with pytest.raises(BadPrompt, match="surrogate"):
            vlm.generate([{"role": "user", "content": "a\ud800"}])


def test_what_the_server_decides_is_refused():
    with chat_server(says("a")) as server, server.engine() as vlm:
        with pytest.raises(BadOptions, match="cuts the images itself"):
            vlm.describe(RED, resolution=2)
        with pytest.raises(BadOptions, match="cannot be planned here"):
            vlm.plan(RED)
    assert server.requests == []


def tiff(*sizes) -> bytes:
    pages = [Image.effect_noise(size, 80).convert("RGB") for size in sizes]
    return encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def test_pages_are_images_and_are_named():
    scan = tiff((30, 20), (31, 21), (32, 22))
    with chat_server(says("a")) as server, server.engine() as vlm:
        result = vlm.describe(scan, pages="1,3")
        with pytest.raises(PagesNeeded):
            vlm.describe(scan)
    sizes = [Image.open(io.BytesIO(data)).size for _, data in sent_images(server.bodies[0])]
    assert sizes == [(30, 20), (32, 22)]
    assert [ref.page for ref in result.sources] == [1, 3] and len(result.image_sha256) == 2


def test_a_document_is_transcribed_page_after_page_without_a_limit():
    with chat_server(says("one")) as server, server.engine() as vlm:
        result = vlm.transcribe(tiff((30, 20), (31, 21)))
        vlm.transcribe(RED, max_new_tokens=9)
    assert len(result.pages) == 2 and result.text.count("one") == 2
    assert "max_tokens" not in server.bodies[0] and server.bodies[2]["max_tokens"] == 9


def test_an_engine_is_known_by_name_and_address():
    with chat_server(says("a")) as server, server.engine() as vlm:
        assert (vlm.identity.model, vlm.identity.files) == ("some-model", server.url)
        options = {"backend": "remote", "base_url": server.url, "batch_size": 3}
        assert plan_identity("some-model", options) == vlm.identity
