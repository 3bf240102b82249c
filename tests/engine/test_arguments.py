"""Odd arguments and broken files: each a typed error."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import (
    BadOptions,
    BadPrompt,
    CorruptImage,
    ImagePart,
    ModelNotFound,
    SmolVLM,
)
from tests.support.requests import HELLO


def picture(size=(40, 30)) -> Image.Image:
    return Image.new("RGB", size, "red")


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
    dumped = ImagePart(image="x").model_dump(exclude_none=True)
    assert dumped == {"type": "image", "image": "x"}


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
