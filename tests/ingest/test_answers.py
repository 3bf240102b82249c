"""Requests that are answered from a ledger, and those that are not."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from smolvlm_tools import (
    BadOptions,
    CorruptImage,
    PageRef,
    SharedEngine,
    SmolVLM,
    VisionResult,
    ask_messages,
    describe_messages,
    engine_source,
    open_checkpoint,
)
from smolvlm_tools.ingest import Answers, ImageRequest, Ledger
from tests.support.documents import png
from tests.support.gated import GatedBackend

RED = png(colour="red")
SHA256 = hashlib.sha256(RED).hexdigest()
ABOUT = ImageRequest(describe_messages(RED), {"max_new_tokens": 5}, SHA256)


@pytest.fixture
def counting(tiny_a):
    """A counting backend, and an engine over it."""
    checkpoint = open_checkpoint(tiny_a)
    backend = GatedBackend.saying(checkpoint, " a shape")
    backend.open()
    with SmolVLM(checkpoint, backend) as vlm:
        yield backend, vlm


def answers(vlm, path):
    return Answers(engine_source(vlm, "unused"), path)


def test_a_request_is_answered_once(counting, tmp_path):
    backend, vlm = counting
    (first,) = answers(vlm, tmp_path / "kept").answer([ABOUT])
    assert isinstance(first, VisionResult) and backend.prefills == 1
    (second,) = answers(vlm, tmp_path / "kept").answer([ABOUT])
    assert backend.prefills == 1
    assert second.model_dump(exclude={"sources"}) == first.model_dump(exclude={"sources"})


def test_without_a_cache_or_a_digest_nothing_is_kept(counting, tmp_path):
    backend, vlm = counting
    unknown = ImageRequest(ABOUT.messages, ABOUT.options)
    for request, path in ((ABOUT, None), (unknown, tmp_path / "kept")):
        before = backend.prefills
        for _ in range(2):
            answers(vlm, path).answer([request])
        assert backend.prefills == before + 2


@pytest.mark.parametrize(
    "other",
    [
        ImageRequest(describe_messages(RED, "brief"), ABOUT.options, SHA256),
        ImageRequest(ask_messages(RED, "Is it red?"), ABOUT.options, SHA256),
        ImageRequest(ABOUT.messages, {"max_new_tokens": 4}, SHA256),
        ImageRequest(ABOUT.messages, {"max_new_tokens": 5, "task": "describe"}, SHA256),
        ImageRequest(ABOUT.messages, ABOUT.options, "0" * 64),
    ],
    ids=["detail", "question", "option", "task", "image"],
)
def test_another_request_is_another_entry(counting, tmp_path, other):
    backend, vlm = counting
    found = answers(vlm, tmp_path / "kept")
    found.answer([ABOUT])
    found.answer([other])
    assert backend.prefills == 2
    found.answer([other, ABOUT])
    assert backend.prefills == 2


def test_an_engine_that_cuts_images_otherwise_is_another_one(tiny_a, tmp_path):
    checkpoint = open_checkpoint(tiny_a)
    for resolution in ("auto", 1, 2):
        backend = GatedBackend.saying(checkpoint, " a shape")
        backend.open()
        with SmolVLM(checkpoint, backend, resolution=resolution) as vlm:
            answers(vlm, tmp_path / "kept").answer([ABOUT])
        assert backend.prefills == 1


def test_what_no_reply_depends_on_is_not_part_of_the_key(counting, tmp_path):
    backend, vlm = counting
    heard = []
    told = ImageRequest(ABOUT.messages, {**ABOUT.options, "on_progress": heard.append}, SHA256)
    answers(vlm, tmp_path / "kept").answer([told])
    answers(vlm, tmp_path / "kept").answer([ABOUT])
    assert heard and backend.prefills == 1


def test_a_kept_reply_names_the_image_it_is_about_now(counting, tmp_path):
    _, vlm = counting
    found = answers(vlm, tmp_path / "kept")
    found.answer([ABOUT])
    copy = PageRef(source="copy.png")
    (result,) = found.answer([ImageRequest(ABOUT.messages, ABOUT.options, SHA256, copy)])
    assert result.sources == (copy,)


def test_failures_stay_in_their_places_and_are_tried_again(counting, tmp_path):
    backend, vlm = counting
    broken = ImageRequest(describe_messages(RED[:60]), ABOUT.options, "1" * 64)
    found = answers(vlm, tmp_path / "kept")
    for prefills in (1, 1):
        bad, good = found.answer([broken, ABOUT])
        assert isinstance(bad, CorruptImage) and isinstance(good, VisionResult)
        assert backend.prefills == prefills


def test_a_request_that_is_wrong_whatever_its_image_is_raised(counting, tmp_path):
    backend, vlm = counting
    with pytest.raises(BadOptions, match="max_tokenz"):
        answers(vlm, tmp_path / "kept").answer([ImageRequest(ABOUT.messages, {"max_tokenz": 5})])
    assert backend.prefills == 0


def test_a_reply_in_a_form_of_another_version_is_answered_again(counting, tmp_path):
    backend, vlm = counting
    found = answers(vlm, tmp_path / "kept")
    (first,) = found.answer([ABOUT])
    (key,) = found._keys([ABOUT])
    with Ledger(tmp_path / "kept") as ledger:
        ledger.put(key, '{"text": "from the future", "colour": "red"}')
    (again,) = found.answer([ABOUT])
    assert again.text == first.text and backend.prefills == 2


def test_a_file_that_is_no_ledger_is_an_error(counting, tmp_path):
    _, vlm = counting
    (tmp_path / "kept").write_text("not a database, but long enough to be looked at" * 50)
    with pytest.raises(BadOptions, match="ledger"):
        answers(vlm, tmp_path / "kept").answer([ABOUT])


def test_weights_are_not_loaded_where_everything_is_known(embedded, tmp_path):
    source = SharedEngine(embedded, max_queue=30)  # nobody else's
    found = Answers(source, tmp_path / "kept")
    (first,) = found.answer([ABOUT])
    source.release()
    source = SharedEngine(embedded, max_queue=30)
    (second,) = Answers(source, tmp_path / "kept").answer([ABOUT])
    assert source.loaded is None and second.text == first.text
    assert Answers(source).answer([]) == [] and source.loaded is None


def test_replies_are_kept_for_the_engine_that_gave_them(embedded, tmp_path, monkeypatch):
    source = SharedEngine(embedded, max_queue=27)
    planned = source.identity().model_copy(update={"precision": "as planned"})
    identity = SharedEngine.identity

    def says(self):
        return identity(self) if self.loaded else planned

    monkeypatch.setattr(SharedEngine, "identity", says)
    (first,) = Answers(source, tmp_path / "kept").answer([ABOUT])
    found = Answers(source, tmp_path / "kept")
    assert [each and each.text for each in found._find([ABOUT])] == [first.text]
    source.release()
    assert Answers(source, tmp_path / "kept")._find([ABOUT]) == [None]


def test_the_loop_shares_the_ledger(counting, tmp_path):
    backend, vlm = counting
    there = asyncio.run(answers(vlm, tmp_path / "kept").aanswer([ABOUT]))
    here = answers(vlm, tmp_path / "kept").answer([ABOUT])
    again = asyncio.run(answers(vlm, tmp_path / "kept").aanswer([ABOUT, ABOUT]))
    assert {each.text for each in (*there, *here, *again)} == {there[0].text}
    assert backend.prefills == 1
