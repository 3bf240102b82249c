"""Videos and animations in tools: they are looked at as the core does, and kept by handle."""

from __future__ import annotations

import sys

import anyio
import pytest
from jsonschema import Draft202012Validator

from smolvlm_tools import (
    BackendUnavailable,
    BadArguments,
    BadOptions,
    PagesNeeded,
    PathNotAllowed,
    UnsupportedFormat,
)
from smolvlm_tools.tools import TOOLS, Toolbox, agent_policy
from tests.support.animations import blinking
from tests.support.paths import SHAPES

TOTAL = {"type": "object", "properties": {"shapes": {"type": "integer"}}, "required": ["shapes"]}
MORE = {
    "describe_image": {"detail": "brief"},
    "answer_question": {"question": "What color is the circle?"},
    "transcribe_image": {},
    "extract_fields": {"schema": TOTAL},
}
EVERY = pytest.mark.parametrize("name", MORE)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "blink.gif").write_bytes(blinking())
    return tmp_path


@pytest.fixture
def toolbox(vlm, folder):
    return Toolbox(vlm, policy=agent_policy([folder, SHAPES.parent]))


@pytest.fixture
def gif(folder):
    return str(folder / "blink.gif")


@EVERY
def test_frames_of_an_animation_are_looked_at_as_the_core_does(toolbox, vlm, gif, name):
    arguments = {"image": gif, "frames": "2", "end": "2", "max_new_tokens": 24, **MORE[name]}
    output = toolbox.call(name, arguments)
    assert output.shown_at == [0.0, 1.5]
    (image,) = output.images
    assert (image.width, image.height, image.pages) == (160, 120, None)
    Draft202012Validator(TOOLS[name].output_schema()).validate(output.model_dump(mode="json"))
    awaited = anyio.run(toolbox.acall, name, {**arguments, "image": image.handle})
    assert (awaited.shown_at, awaited.images) == (output.shown_at, output.images)
    if name == "answer_question":
        core = vlm.ask(gif, **MORE[name], frames=2, end=2, max_new_tokens=24)
        assert (output.text, core.sources[1].seconds) == (core.text, 1.5)


def test_without_frames_an_animation_has_pages_also_by_the_handle_of_the_whole(toolbox, gif):
    shown = toolbox.call("describe_image", {"image": gif, "frames": "2", "max_new_tokens": 4})
    for image in (gif, shown.images[0].handle):
        with pytest.raises(PagesNeeded, match="6 pages"):
            toolbox.call("describe_image", {"image": image})
        page = toolbox.call("load_image", {"image": image, "pages": "2"})
        assert (page.page, page.pages) == (2, 6)
        with pytest.raises(BadOptions, match="choose frames of a video"):
            toolbox.call("describe_image", {"image": page.handle, "frames": "2"})


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"frames": "many"}, BadOptions, "`frames='many'` is not a choice"),
        ({"start": "late"}, BadOptions, "`start='late'` is not a time"),
        ({"frames": 2}, BadArguments, "'frames'.*is a number"),
        ({"start": "5"}, BadOptions, "3.00 seconds long"),
        ({"image": str(SHAPES), "frames": "2"}, BadOptions, "shapes.png' is not one"),
        ({"frames": "2", "pages": "2"}, BadOptions, "has 1 page"),
    ],
)
def test_what_chooses_no_frames_is_refused(toolbox, gif, wrong, error, says):
    with pytest.raises(error, match=says):
        toolbox.call("describe_image", {"image": gif, **wrong})


def test_a_video_is_looked_at_without_frames_but_not_by_every_tool(toolbox, folder):
    clips = pytest.importorskip("tests.support.clips")
    (folder / "clip.mp4").write_bytes(clips.coloured("red", "blue"))
    clip = {"image": str(folder / "clip.mp4")}
    shown = toolbox.call("describe_image", {**clip, "max_new_tokens": 4})
    assert len(shown.shown_at) == 2 and shown.shown_at[0] == 0
    for image in (clip, {"image": shown.images[0].handle}):
        for name in ("load_image", "plan_image"):
            with pytest.raises(UnsupportedFormat, match="is a video") as refused:
                toolbox.call(name, image)
            assert "describe_image" in refused.value.remedy


def test_without_pyav_a_video_says_what_to_install(toolbox, folder, monkeypatch):
    clips = pytest.importorskip("tests.support.clips")
    (folder / "clip.mp4").write_bytes(clips.coloured("red"))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BackendUnavailable, match=r"smolvlm-tools\[video\]"):
        toolbox.call("describe_image", {"image": str(folder / "clip.mp4")})


def test_a_video_is_held_to_the_policy_of_images(vlm, folder, gif):
    with pytest.raises(PathNotAllowed):
        Toolbox(vlm, policy=agent_policy([SHAPES.parent])).call(
            "describe_image", {"image": gif, "frames": "2"}
        )
