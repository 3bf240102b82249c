"""Sessions of a person in front of a terminal of 80×24: what stands on it."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from PIL import Image
from typer.main import get_command

from smolvlm_tools.cli.app import app
from smolvlm_tools.cli.console import between_words
from tests.support.document_blocks import DECIMAL, blocks
from tests.support.paths import RECEIPT, ROOT, SHAPES

pytest.importorskip("pty", reason="terminals as POSIX has them")

from tests.support.screens import COLUMNS, ROWS, Screen

EMBEDDED = ("--model", "embedded")
FEW = (*EMBEDDED, "--max-new-tokens", "8")
HELD = """
import os, time
from smolvlm_tools.backends.onnx.backend import OnnxBackend
step, steps = OnnxBackend.step, []
def held(self, ids, caches):
    steps.append(ids)
    while len(steps) > 5 and not os.path.exists({gate!r}):
        time.sleep(0.01)
    return step(self, ids, caches)
OnnxBackend.step, OnnxBackend.verify = held, None
"""
"""The model says some words, and no more until the file `gate` is there."""
SLOW = """
import time
from smolvlm_tools.cli.course import Course
take = Course.__call__
def slow(self, progress):
    take(self, progress)
    if progress.stage == "vision":
        time.sleep(0.5)
Course.__call__ = slow
"""
"""Every tile takes half a second."""


@pytest.fixture
def screen():
    with Screen() as screen:
        yield screen


def pictures(folder, count):
    """Images that differ."""
    shapes = Image.open(SHAPES).convert("RGB")
    for number in range(count):
        shapes.putpixel((number, 0), (number, 0, 0))
        shapes.save(folder / f"{number:02}.png")
    return sorted(folder.glob("*.png"))


def without_blanks(text):
    return re.sub(r"\s", "", DECIMAL.sub("N", text))


def test_the_commands_of_the_readme_show_what_it_says(screen):
    rows = re.findall(
        r"^\$ (smolvlm .*)\n((?:(?!\$ ).*\n)*)", blocks("README.md", "console")[0], re.MULTILINE
    )
    assert rows
    for line, shown in rows:
        before = len(screen.lines)
        words = [ROOT / word if (ROOT / word).is_file() else word for word in shlex.split(line)]
        assert screen.run(*words[1:]) == 0
        seen = "\n".join(screen.lines[before:])
        assert without_blanks(shown) in without_blanks(seen)
        assert screen.shows_cursor and "looking" not in seen and "loading" not in seen
        assert re.search(r"^\d+ tiles, \d+ tokens in, .*\n\(smolvlm-embedded, .*\)$", seen, re.M)


def test_a_conversation(screen, tmp_path):
    gate = tmp_path / "gate"
    held = HELD.format(gate=str(gate))
    screen.start("chat", SHAPES, *EMBEDDED, "--precision", "int8", before=held)
    screen.until(r"/quit or Ctrl-D ends it.*\n>$")
    screen.type("Describe this image.\n")
    screen.until("The image")
    assert "triangle" not in screen.text
    gate.touch()
    screen.until(r"green triangle at the bott?\n?om\.\n>$")
    for line, answer in (
        (f"/image {RECEIPT}", "it goes with your next question"),
        ("/reset", "forgotten; the images go with your next question"),
        ("/bogus", "error: there is no command /bogus."),
        ("What color is the circle?", "circle?\nred"),
    ):
        screen.type(f"{line}\n")
        screen.until(rf"{re.escape(answer)}.*\n(.+\n)*>$")
    for count in (1, 2):
        screen.until_it_waits()
        screen.type("\x03")
        screen.until(rf"(^> \^C\nCtrl-D or /quit ends the conversation\n){{{count}}}>$")
    screen.type("\x04")
    assert screen.end() == 0 and screen.shows_cursor
    assert "�" not in screen.text and "Traceback" not in screen.text
    assert [line for line in screen.lines if line.startswith("> ")] == [
        "> Describe this image.",
        f"> /image {RECEIPT}",
        "> /reset",
        "> /bogus",
        "> What color is the circle?",
        *["> ^C"] * 2,
    ]


def test_ctrl_c_stops_answers_and_not_the_conversation(screen):
    screen.start("chat", SHAPES, *EMBEDDED, before=SLOW)
    screen.until(r"^>$")
    for question in ("Describe this image.", "What is in it?"):
        screen.erased.clear()
        screen.type(f"{question}\n")
        screen.until(r"looking: \d")
        screen.type("\x03")
        screen.until(rf"^> {re.escape(question)}\nstopped; .* are forgotten\n>$")
    screen.type("What color is the circle?\n")
    screen.until(r"circle\?\nred\n>$")
    screen.type("\x04")
    assert screen.end() == 0 and screen.shows_cursor and "looking" not in screen.text


def test_the_wait_for_an_answer_has_tiles_seconds_and_what_is_left(screen, tmp_path):
    one, two = pictures(tmp_path, 2)
    assert screen.run("describe", one, two, *FEW, before=SLOW) == 0
    shown = "\n".join(screen.erased)
    assert re.search(r"image 1 of 2: looking: \d of 5 tiles, \d s, about \d s left", shown)
    assert re.search(r"image 2 of 2: looking: \d of 5 tiles, \d s", shown)
    assert "looking" not in screen.text and screen.shows_cursor


def test_a_question_in_a_conversation_has_them_too(screen):
    screen.start("chat", SHAPES, *FEW, before=SLOW)
    screen.until(r"^>$")
    screen.type("Describe this image.\n")
    screen.until(r"looking: \d of 5 tiles, \d s, about \d s left")
    screen.until(r"^The image(.+\n)+>$")
    screen.type("/quit\n")
    assert screen.end() == 0 and "looking" not in screen.text


@pytest.mark.parametrize("command", ["ingest", ""])
def test_help_fits_with_whole_words_and_an_example_at_the_end(screen, command):
    assert screen.run(*command.split(), "--help") == 0
    page = get_command(app)
    page = page.commands[command] if command else page
    texts = [page.help, *(part.help or "" for part in page.params)]
    if not command:
        texts += [each.help.partition("\n")[0] for each in page.commands.values()]
    # Words beside `[…]` of rich's markup stand elsewhere: defaults, extras.
    words = {word for text in texts for word in re.sub(r"\\?\[.*?\]", " ", text).split()}
    assert not words - {*screen.text.replace("│", " ").split()}
    assert "…" not in screen.text.replace("q4, …", "") and "<bool>" not in screen.text
    names = {name for part in page.params for name in (*part.opts, *part.secondary_opts)}
    assert {name for name in names if name.startswith("-")} <= {*screen.text.split()}
    last = [line for line in screen.visible if line][-1]
    assert last.startswith(f" Example: smolvlm {command}") and len(last) < COLUMNS
    ragged = [line for line in screen.lines if line and not line.startswith(("│", "╭", "╰"))]
    assert all(len(line.split()) > 2 for line in ragged)  # no line of a word or two between others


def test_a_command_to_be_copied_stays_on_one_line():
    line = "the MCP server needs the package mcp. Run `pip install 'smolvlm-tools[mcp]'`."
    assert between_words(line, 60).splitlines() == [
        "the MCP server needs the package mcp. Run",
        "`pip install 'smolvlm-tools[mcp]'`.",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (("describe", "missing.png"), 3, ["error: no file at 'missing.png'. Check the path."]),
        (
            ("descrybe", "missing.png"),
            2,
            [
                "error: No such command 'descrybe'. Did you mean 'describe'? Usage: smolvlm",
                "[OPTIONS] COMMAND [ARGS]... (more with `smolvlm --help`)",
            ],
        ),
        (
            ("describe", SHAPES, "--model", "embeded"),
            4,
            [
                "error: there is no model 'embeded'. Did you mean 'embedded'? Use an alias (256m,",
                "500m, 2.2b, 256m-video, 500m-video, 2.2b-video, embedded), a folder, or a hub id",
                "like owner/name.",
            ],
        ),
    ],
)
def test_a_mistake_is_told_in_red_with_what_to_do(screen, arguments, code, shown):
    assert screen.run(*arguments) == code
    assert screen.lines == shown
    assert all(screen.colours_of(row) == {"red"} for row in range(len(shown)))


def test_ctrl_c_amid_many_files_keeps_what_is_finished_and_leaves_no_bar(screen, tmp_path):
    folder, out = tmp_path / "scans", tmp_path / "records.jsonl"
    folder.mkdir()
    pictures(folder, 40)
    ingest = ("ingest", folder, "--out", out, "--tasks", "caption", *FEW)
    screen.start(*ingest)
    screen.until(r"ingesting .* [3-9]/40 \d pages, .*")
    screen.type("\x03")
    assert screen.end() == 130
    told = "what is finished is kept; the same command goes on from there"
    assert [line for line in screen.lines if line] == [told, "interrupted"]
    assert screen.shows_cursor
    kept = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(kept) >= 3 and not any(record["error"] for record in kept)


def test_ctrl_c_amid_many_images_keeps_the_answers_and_leaves_no_line(screen, tmp_path):
    screen.start("describe", *pictures(tmp_path, 40), "--no-stream", *FEW, before=SLOW)
    screen.until(r"image 3 of 40: \w+")
    screen.type("\x03")
    assert screen.end() == 130
    assert screen.lines[-1] == "interrupted" and screen.shows_cursor
    assert "image 3 of 40" not in screen.text and "^C" not in screen.text
    answers = [line for line in screen.lines if line.startswith("The image")]
    assert len(answers) >= 2 and len(screen.visible) == ROWS
