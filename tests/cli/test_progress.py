"""The line of progress on stderr: on a terminal only, and gone before the words."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from smolvlm_tools.cli.course import Course
from smolvlm_tools.cli.images import Place
from smolvlm_tools.types import Progress
from tests.support.documents import tiff
from tests.support.paths import SHAPES
from tests.support.processes import environment, on_terminal, run

pytest.importorskip("pty", reason="terminals as POSIX has them")

FEW = ("--model", "embedded", "--max-new-tokens", "4")
SLOW = """
import time
from smolvlm_tools.cli.course import Course
take = Course.__call__
Course.__call__ = lambda self, progress: (take(self, progress), time.sleep(0.2))[0]
"""
"""Every stage lasts longer than the line takes to be drawn again."""
ERASE_LINE = "\x1b[2K"
CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{name}.png" for name in "ab"]
    for path in paths:
        Image.linear_gradient("L").save(path)
    return paths


def stages(shown: str) -> list[str]:
    """The texts of the line, one after the other, without what turns."""
    lines = re.split(r"[\r\n]+|\x1b\[2K", shown)
    texts = [CODE.sub("", line).strip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ") for line in lines]
    return list(dict.fromkeys(text for text in texts if text))


def test_a_single_image_has_its_stages_with_tiles_and_tokens():
    code, shown = on_terminal("transcribe", SHAPES, "--no-stream", *FEW, before=SLOW)
    told = stages(shown)
    assert code == 0 and told[0] == "loading embedded"
    assert any(re.fullmatch(r"looking: \d of 5 tiles(, \d+ s)?", text) for text in told)
    assert any(re.fullmatch(r"reading the prompt(, \d+ s)?", text) for text in told)
    assert any(re.fullmatch(r"writing: 2 tokens(, \d+ s)?", text) for text in told)
    assert any(re.search(r", [12] s$", text) for text in told), told


def test_several_images_and_pages_are_counted(pictures, tmp_path):
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff("red", "green"))
    _, shown = on_terminal("describe", pictures[0], scan, "--no-stream", *FEW, before=SLOW)
    told = " | ".join(stages(shown))
    for place in ("image 1 of 2", "image 2 of 2, page 1 of 2", "image 2 of 2, page 2 of 2"):
        assert re.search(rf"{place}: (looking|reading|writing)", told), told


def test_words_that_stream_stand_alone(pictures):
    code, shown = on_terminal("describe", *pictures, *FEW, before=SLOW)
    assert code == 0
    for picture in pictures:
        before, _, after = shown.partition(f"{picture}:\r\n")
        assert before.endswith((ERASE_LINE, "\x1b[?25h")), repr(before[-40:])
        words = after.partition("\r\n")[0]
        assert words and "\x1b" not in words and "writing" not in words
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")


def test_questions_are_counted_while_they_are_read(pictures, tmp_path):
    questions = tmp_path / "questions.json"
    questions.write_text('{"a": "What is it?", "b": "Which color?", "c": "How many?"}')
    _, shown = on_terminal("ask", pictures[0], "--questions", questions, *FEW, before=SLOW)
    told = " | ".join(stages(shown))
    assert "reading question 2 of 3" in told and "writing" in told


def test_where_there_is_no_terminal_there_is_no_line(pictures):
    code, out, err = run("describe", *pictures, "--json", *FEW, before=SLOW)
    assert code == 0 and out.startswith("[")
    assert set(err.splitlines()) == {
        "note: the reply was cut off at its token limit; raise --max-new-tokens"
    }


def test_a_dumb_terminal_gets_none_and_no_color_means_none(pictures):
    _, shown = on_terminal("describe", *pictures, *FEW, env=environment(TERM="dumb"))
    assert "looking" not in shown and "\x1b[?25l" not in shown
    plain = environment(NO_COLOR="1")
    _, shown = on_terminal("describe", pictures[0], "--no-stream", *FEW, before=SLOW, env=plain)
    assert "looking" in shown and not re.search(r"\x1b\[[0-9;]*m", shown)


def test_a_long_line_is_cut_to_the_terminal(pictures):
    narrow = environment(COLUMNS="22", LINES="20")  # two of them are for the "^C" of Ctrl-C
    _, shown = on_terminal("describe", *pictures, "--no-stream", *FEW, before=SLOW, env=narrow)
    told = stages(shown)
    assert any(text.startswith("image 1 of 2: lo") and text.endswith("…") for text in told), told
    assert all(len(text) <= 18 for text in told if text.endswith("…"))  # beside what turns


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (None, "looking"),
        (("preprocess", 1, 1), "looking"),
        (("vision", 7, 13), "looking: 7 of 13 tiles"),
        (("vision", 1, 1), "looking: 1 of 1 tile"),
        (("prefill", 0, 1), "reading the prompt"),
        (("prefill", 1, 3), "reading question 2 of 3"),
        (("prefill", 1, 1), "writing"),
        (("decode", 1, 512), "writing: 1 token"),
        (("decode", 120, 512), "writing: 120 tokens"),
    ],
)
def test_the_words_for_each_stage(progress, words):
    alone, one_of_many = (
        Course(Place("a.png", 1, 1, 1, 1)),
        Course(Place("b.tif", 2, 20, 3, 5, alone=False)),
    )
    if progress:
        stage, done, total = progress
        for course in (alone, one_of_many):
            course(Progress(stage=stage, done=done, total=total))
    assert alone.words() == words
    assert one_of_many.words() == f"image 2 of 20, page 3 of 5: {words}"


def test_how_long_it_took_and_will_still_take_are_told_once_they_are_known():
    now = 0.0
    course = Course(Place("a.png", 1, 2, 1, 1, alone=False), clock=lambda: now)
    told = []
    for seconds, stage, done, total in (
        (0.0, "vision", 1, 17),
        (0.8, "vision", 2, 17),
        (2.4, "vision", 4, 17),
        (13.0, "vision", 17, 17),
        (14.0, "decode", 1, 512),
        (15.5, "decode", 31, 512),
    ):
        now = seconds
        course(Progress(stage=stage, done=done, total=total))
        told.append(course.words().removeprefix("image 1 of 2: "))
    assert told == [
        "looking: 1 of 17 tiles",
        "looking: 2 of 17 tiles",
        "looking: 4 of 17 tiles, 2 s, about 11 s left",
        "looking: 17 of 17 tiles, 13 s",
        "writing: 1 token, 14 s",
        "writing: 31 tokens, 15 s, at most 25 s left",
    ]
