"""A reply that loops is continued once from before the loop, with another cut of the image."""

from __future__ import annotations

import asyncio
import math
import threading
from io import BytesIO

import pytest
from PIL import Image, ImageOps

from smolvlm_tools import Cancelled, SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.prompt.chat import encode_text
from tests.support.looping import LoopingBackend
from tests.support.memory import looking_at, picture
from tests.support.ocr import ocr_only
from tests.support.paths import RECEIPT, SHAPES
from tests.support.requests import asking

AFTER = 9
"""Tokens before the loop: of a description of the receipt they are the same at each cut."""


@pytest.fixture(scope="module")
def real(embedded):
    """The embedded model, which does not loop."""
    with SmolVLM.load(embedded, backend="onnx", precision="fp32", cache=False) as vlm:
        yield vlm


@pytest.fixture
def looping(real, embedded):
    """Makes engines over the embedded model that get stuck at certain numbers of tiles."""
    checkpoint = open_checkpoint(embedded)
    engines = []

    def make(*tiles: int, after: int = AFTER, phrase: str = " and a cat", **options) -> SmolVLM:
        backend = LoopingBackend(
            real._pipeline.backend,
            checkpoint.config.image.tokens_per_tile,
            tiles,
            after,
            encode_text(checkpoint.tokenizer(), phrase),
        )
        engines.append(SmolVLM(checkpoint, backend, cache=False, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def seen_by(vlm: SmolVLM) -> list[int]:
    """The tiles of each prompt that was read."""
    return vlm._pipeline.backend.seen


@pytest.fixture(scope="module")
def small():
    """A receipt that fills no tile, so that it is not cut."""
    return Image.open(RECEIPT).convert("RGB").resize((120, 60))


@pytest.fixture(scope="module")
def page():
    """The receipt on a square, whose coarsest cut is the same pixels under "auto" and by name."""
    return ImageOps.pad(Image.open(RECEIPT).convert("RGB"), (360, 360), color="white")


def test_the_text_before_the_loop_goes_on_as_the_model_has_it_at_the_next_coarser_cut(
    real, looping, page
):
    whole = real.describe(page, logprobs=True)
    coarse = real.describe(page, resolution=1, logprobs=True)
    kept = [token.id for token in whole.tokens[:AFTER]]
    assert kept == [token.id for token in coarse.tokens[:AFTER]], "both begin alike"
    assert whole.text != coarse.text, "but do not go on alike"

    vlm = looping(whole.usage.tiles)
    result = vlm.describe(page, logprobs=True)

    assert (result.text, result.finish_reason) == (coarse.text, "stop")
    assert result.flags == ("recovered",)
    assert seen_by(vlm) == [whole.usage.tiles, 1]
    assert [token.id for token in result.tokens] == [token.id for token in coarse.tokens]
    logprobs = [token.logprob for token in result.tokens]
    assert logprobs[:AFTER] == pytest.approx([t.logprob for t in whole.tokens[:AFTER]], abs=1e-4)
    assert logprobs[AFTER:] == pytest.approx([t.logprob for t in coarse.tokens[AFTER:]], abs=1e-4)
    assert result.confidence == pytest.approx(math.exp(sum(logprobs) / len(logprobs)))


def test_what_is_not_cut_goes_on_as_the_model_has_it_at_the_next_finer_cut(real, looping, small):
    fine = real.describe(small, resolution=2, logprobs=True)
    coarse = real.describe(small, logprobs=True)
    same = [a.id == b.id for a, b in zip(fine.tokens, coarse.tokens, strict=False)].index(False)
    vlm = looping(1, after=same)
    result = vlm.describe(small)
    assert fine.text != coarse.text
    assert (result.text, result.flags) == (fine.text, ("recovered",))
    assert seen_by(vlm) == [1, fine.usage.tiles]


def test_the_usage_counts_both_runs(looping):
    vlm = looping(3)
    result = vlm.describe(RECEIPT, logprobs=True)
    first = vlm.generate(asking(RECEIPT, "x"), max_new_tokens=1).usage  # of as many tiles
    usage = result.usage
    assert (usage.tiles, usage.image_tokens) == (first.tiles + 1, first.image_tokens + 64)
    dropped = usage.completion_tokens - len(result.tokens)
    assert dropped >= 48, "the tokens of the loop were generated, too"


def test_a_loop_from_the_first_word_on_asks_anew(real, looping, page):
    result = looping(5, after=0).describe(page)
    assert result.text == real.describe(page, resolution=1).text
    assert result.flags == ("recovered",)


def test_a_reply_that_loops_again_stays_as_it_was_and_is_not_asked_a_third_time(looping):
    pinned = looping(3).describe(RECEIPT, resolution=2)
    vlm = looping(1, 3)
    result = vlm.describe(RECEIPT)
    assert (result.text, result.flags) == (pinned.text, ("repetition",))
    assert result.finish_reason == "repetition"
    assert result.usage.tiles == 3 + 1
    assert seen_by(vlm) == [3, 1]


def test_a_continuation_that_adds_nothing_leaves_the_reply_as_it_was(real, looping):
    whole, coarse = real.describe(SHAPES), real.describe(SHAPES, resolution=1)
    assert whole.text == coarse.text
    vlm = looping(whole.usage.tiles, after=whole.usage.completion_tokens - 1)
    result = vlm.describe(SHAPES)
    assert seen_by(vlm) == [whole.usage.tiles, 1]
    assert (result.flags, result.finish_reason) == (("repetition",), "repetition")
    assert result.text.startswith(whole.text) and " and a cat" in result.text


@pytest.mark.parametrize("where", ["request", "engine"])
@pytest.mark.parametrize("resolution", [2, "native"])
def test_a_cut_that_was_chosen_by_name_is_not_replaced(looping, where, resolution):
    vlm = looping(3, 5, resolution=resolution if where == "engine" else "auto")
    options = {"resolution": resolution} if where == "request" else {}
    result = vlm.describe(RECEIPT, **options)
    assert (result.finish_reason, result.flags) == ("repetition", ("repetition",))
    assert len(seen_by(vlm)) == 1


def test_a_stream_ends_at_the_loop_as_its_words_are_read_already(looping):
    vlm = looping(3)
    chunks = list(vlm.stream(asking(RECEIPT, "What is this?")))
    result = chunks[-1].result
    assert "".join(chunk.text for chunk in chunks) == result.text
    assert (result.flags, len(seen_by(vlm))) == (("repetition",), 1)


def test_without_the_guard_nothing_is_continued(looping):
    vlm = looping(3)
    result = vlm.describe(RECEIPT, repetition_guard=False, max_new_tokens=90)
    assert (result.flags, len(seen_by(vlm))) == (("truncated",), 1)


def test_the_limit_of_tokens_is_that_of_the_whole_reply(real, looping, page):
    coarse = real.describe(page, resolution=1, max_new_tokens=50)
    assert coarse.flags == ("truncated",)
    vlm = looping(5, after=2, phrase="q")  # 48 of it are a loop
    result = vlm.describe(page, max_new_tokens=50, logprobs=True)
    assert (len(result.tokens), result.text) == (50, coarse.text)
    assert result.flags == ("truncated", "recovered")


def test_a_transcription_that_had_grown_past_its_first_limit_goes_on_growing(checkpoint):
    rows = " " + "\n".join(f"{n}: item {n * 7 % 10} of {n}" for n in range(90))
    said = len(encode_text(checkpoint.tokenizer(), rows))
    assert said > 560
    backend = LoopingBackend(
        FakeBackend.saying(checkpoint, rows),
        checkpoint.config.image.tokens_per_tile,
        tiles={17},
        after=560,
        phrase=encode_text(checkpoint.tokenizer(), " and a cat"),
    )
    with SmolVLM(checkpoint, backend) as vlm:
        result = vlm.transcribe(picture(128), text="model", logprobs=True)
    assert result.flags == ("recovered",)
    assert len(result.tokens) == 560 + said + 1, "the script is said from its beginning again"


def test_other_ways_of_asking_continue_alike(looping):
    messages = asking(RECEIPT, "What is this?")
    vlm = looping(3)
    alone = vlm.generate(messages)
    assert "recovered" in alone.flags

    async def ask():
        return await vlm.agenerate(messages), await vlm.abatch([messages] * 2)

    again, several = asyncio.run(ask())
    for result in (again, *several, *vlm.batch([messages] * 3)):
        assert (result.text, result.flags) == (alone.text, alone.flags)
    asked = {"one": "What is this?", "two": "What is here?"}
    assert vlm.ask_many(RECEIPT, asked)["one"].text == vlm.ask(RECEIPT, "What is this?").text


def test_the_neighbours_of_a_reply_that_loops_are_not_disturbed(real, looping):
    shapes = asking(SHAPES, "What color is the circle?")
    receipt = asking(RECEIPT, "What is this?")
    vlm = looping(3, batch_size=3)
    results = vlm.batch([receipt, shapes, receipt, receipt, shapes, receipt])
    assert [result.text for result in results[1::3]] == [real.generate(shapes).text] * 2
    assert all("recovered" in results[at].flags for at in (0, 2, 3, 5))


def test_a_request_that_is_being_prepared_when_another_loops_is_answered_too(checkpoint):
    backend = LoopingBackend(
        FakeBackend.saying(checkpoint, " a red circle"),
        checkpoint.config.image.tokens_per_tile,
        tiles={1},
        after=0,
        phrase=encode_text(checkpoint.tokenizer(), " and a cat"),
    )
    others = [
        looking_at(picture(128, seed)) for seed in range(1, 6)
    ]  # 85 tiles, a step beside each
    with SmolVLM(checkpoint, backend) as vlm:
        results = vlm.batch([looking_at(picture(20)), *others])
    assert [result.text for result in results] == ["a red circle"] * 6
    assert [result.flags for result in results] == [("recovered",), *[()] * 5]
    assert backend.seen.index(5) not in (1, 6), "it was continued between the others"


def test_of_a_document_the_page_that_loops_is_continued(looping, tmp_path):
    pages = tmp_path / "pages.tif"
    shapes, receipt = (Image.open(path).convert("RGB") for path in (SHAPES, RECEIPT))
    shapes.save(pages, save_all=True, append_images=[receipt])
    result = looping(3, after=3).transcribe(pages, text="model")
    assert [page.flags for page in result.pages] == [(), ("recovered",)]
    assert result.flags == ("recovered",)
    again = asyncio.run(looping(3, after=3).atranscribe(pages, text="model"))
    assert again.text == result.text


@ocr_only
def test_with_a_check_another_cut_comes_first_and_what_was_recognised_second(looping):
    cut = looping(3, after=3).transcribe(RECEIPT, check="ocr", source="best")
    assert cut.flags.count("recovered") == 1 and cut.finish_reason == "stop"
    vlm = looping(1, 3, after=3)
    recognised = vlm.transcribe(RECEIPT, check="ocr", source="best")
    assert {"repetition", "recovered"} <= {*recognised.flags} and seen_by(vlm) == [3, 1]
    assert "THANK YOU" in recognised.text


def test_cancelling_ends_the_second_run(looping):
    cancel = threading.Event()
    vlm = looping(3)
    vlm._pipeline.backend.on_image = lambda tiles: tiles == 1 and cancel.set()
    with pytest.raises(Cancelled):
        vlm.describe(RECEIPT, cancel=cancel)
    assert seen_by(vlm) == [3, 1]
    assert vlm.ask(SHAPES, "What color is the circle?").text == "red"


def test_a_typed_answer_is_not_continued(looping):
    from smolvlm_tools.constraints import regex

    vlm = looping(3, after=0)
    result = vlm.ask(RECEIPT, "What is this?", answer=regex("[a-z ]+"))
    assert (result.incomplete, len(seen_by(vlm))) == ("cut", 1)


def test_text_as_a_value_is(looping):
    result = looping(3).ask(RECEIPT, "What is this?", answer=str)
    assert result.value == result.text and "recovered" in result.flags


def test_an_open_file_is_read_once_so_its_reply_stays_as_it_was(looping):
    vlm = looping(3)
    result = vlm.describe(BytesIO(RECEIPT.read_bytes()))
    assert (result.flags, len(seen_by(vlm))) == (("repetition",), 1)


def test_frames_of_a_video_are_one_tile_and_stay_so(looping, tmp_path):
    path = tmp_path / "film.gif"
    shapes, receipt = (Image.open(each).convert("RGB") for each in (SHAPES, RECEIPT))
    shapes.save(path, save_all=True, append_images=[receipt], duration=1000)
    result = looping(2).describe(path, frames="auto")
    assert (result.usage.tiles, result.flags) == (2, ("repetition",))


@pytest.mark.parametrize("change", ["gone", "another"])
def test_an_image_that_changed_meanwhile_is_not_continued_with(looping, tmp_path, change):
    path = tmp_path / "receipt.png"
    path.write_bytes(RECEIPT.read_bytes())
    vlm = looping(3)
    replace = {"gone": path.unlink, "another": lambda: path.write_bytes(SHAPES.read_bytes())}
    vlm._pipeline.backend.on_image = lambda tiles: replace[change]()
    result = vlm.describe(path)
    assert (result.flags, seen_by(vlm)) == (("repetition",), [3])
