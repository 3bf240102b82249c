"""A request may bring a policy of its own, whatever the engine was loaded with."""

from __future__ import annotations

import asyncio

import pytest

from smolvlm_tools import BadOptions, ImagePolicy, PathNotAllowed, SmolVLM
from smolvlm_tools.types import ImagePart, Message, TextPart
from tests.support.paths import IMAGES, SHAPES

QUESTION = "What color is the circle?"


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load(embedded) as vlm:
        yield vlm


def messages(source=SHAPES):
    return [Message(role="user", content=(ImagePart(image=source), TextPart(text=QUESTION)))]


WAYS = {
    "ask": lambda vlm, **o: vlm.ask(SHAPES, QUESTION, **o),
    "aask": lambda vlm, **o: asyncio.run(vlm.aask(SHAPES, QUESTION, **o)),
    "describe": lambda vlm, **o: vlm.describe(SHAPES, **o),
    "transcribe": lambda vlm, **o: vlm.transcribe(SHAPES, **o),
    "atranscribe": lambda vlm, **o: asyncio.run(vlm.atranscribe(SHAPES, **o)),
    "extract": lambda vlm, **o: vlm.extract(SHAPES, {"type": "object"}, **o),
    "generate": lambda vlm, **o: vlm.generate(messages(), **o),
    "stream": lambda vlm, **o: list(vlm.stream(messages(), **o)),
    "batch": lambda vlm, **o: vlm.batch([messages()], **o),
    "batch each": lambda vlm, **o: vlm.batch([messages()], each=[o]),
    "ask_many": lambda vlm, **o: vlm.ask_many(SHAPES, {"one": QUESTION}, **o),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_narrows_what_the_engine_would_read(vlm, way):
    with pytest.raises(PathNotAllowed, match="outside the allowed folders"):
        WAYS[way](vlm, policy="public")
    WAYS[way](vlm, policy=ImagePolicy.agent(roots=[IMAGES]), max_new_tokens=2)
    WAYS[way](vlm, policy=None, max_new_tokens=2)


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_there_is_not_is_refused(vlm, way):
    with pytest.raises(BadOptions, match=r"`policy='admin'` is no policy.*trusted, agent"):
        WAYS[way](vlm, policy="admin")


def test_it_widens_what_a_narrow_engine_would_read(embedded):
    with SmolVLM.load(embedded, policy="public") as vlm:
        with pytest.raises(PathNotAllowed):
            vlm.ask(SHAPES, QUESTION)
        assert vlm.ask(SHAPES, QUESTION, policy="trusted").text == "red"
        with pytest.raises(PathNotAllowed):  # also an image that it has seen
            vlm.ask(SHAPES, QUESTION)


def test_a_server_is_sent_nothing_that_the_request_does_not_allow():
    with SmolVLM.load("any", backend="remote", base_url="http://127.0.0.1:9/v1") as vlm:
        for way in WAYS:
            with pytest.raises(PathNotAllowed):
                WAYS[way](vlm, policy="public")
    with pytest.raises(BadOptions, match="admin"):
        SmolVLM.load("any", backend="remote", base_url="http://127.0.0.1:9/v1", policy="admin")


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("trusted", ImagePolicy()),
        ("agent", ImagePolicy.agent()),
        ("public", ImagePolicy.public()),
    ],
)
def test_the_three_names(name, policy):
    assert ImagePolicy.named(name) == policy
    assert ImagePolicy.named(policy) is policy


@pytest.mark.parametrize("policy", ["Agent", "", None, True, {"allow_urls": True}, []])
def test_nothing_else_is_a_policy(policy):
    with pytest.raises(BadOptions, match="is no policy"):
        ImagePolicy.named(policy)


def test_nothing_given_is_the_default_and_an_empty_text_is_not():
    assert ImagePolicy.named(None, "public") == ImagePolicy.public()
    for default in ("trusted", ImagePolicy()):
        with pytest.raises(BadOptions, match="is no policy"):
            ImagePolicy.named("", default)
