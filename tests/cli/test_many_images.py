"""Many images: a line for each as soon as it is done, several at once, and Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading

import pytest
from PIL import Image

from smolvlm_tools import SmolVLM
from smolvlm_tools.cli.asking import AT_ONCE
from tests.support.cli import REPLY, only_line
from tests.support.paths import RECEIPT, SHAPES
from tests.support.processes import start

EMBEDDED = ("--model", "embedded")
STUCK = """
import sys, time
from concurrent.futures import Future
from smolvlm_tools import SmolVLM
stream, ask_many, set_result = SmolVLM.stream, SmolVLM.ask_many, Future.set_result
def stick(told):
    if "stuck" in told:
        sys.stderr.write("@\\n")
        time.sleep(60)
SmolVLM.stream = lambda self, messages, **more: (stick(str(messages[0].content[0].image.ref)),
                                                 stream(self, messages, **more))[1]
SmolVLM.ask_many = lambda self, image, *rest, **more: (stick(str(image.ref)),
                                                       ask_many(self, image, *rest, **more))[1]
Future.set_result = lambda self, result: (set_result(self, result),
                                          sys.stderr.write("@\\n"))[0]
"""
"""The answer about the image named "stuck" does not come. Every "@" on stderr is an answer that is
there, or this one that is not."""


@pytest.fixture
def images(tmp_path):
    """Pictures of which the third is the stuck one."""
    paths = [tmp_path / f"{name}.png" for name in ("one", "two", "stuck", "four")]
    for path in paths:
        Image.linear_gradient("L").resize((60, 60)).save(path)
    return paths


def interrupted(*arguments, begun=4):
    """Run the command until so many images are answered or stuck, then press Ctrl-C: its stdout."""
    with start(*arguments, *EMBEDDED, "--max-new-tokens", "3", before=STUCK) as process:
        seen = 0
        while seen < begun:
            line = process.stderr.readline()
            assert line, "it has ended by itself"
            seen += line.count(b"@")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.endswith(b"interrupted\n")
    return out.decode()


# A line for each


def test_jsonl_is_a_line_for_each_image_with_errors_in_their_places(smolvlm, fake, picture):
    missing = picture.with_name("missing.png")
    answer = smolvlm("describe", picture, missing, picture, "--jsonl")
    entries = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 3 and only_line(answer.err).startswith("error: no file")
    places = [(entry.pop("image"), entry.pop("page"), entry.pop("pages")) for entry in entries]
    assert places == [(str(picture), 1, 1), (str(missing), None, None), (str(picture), 1, 1)]
    assert entries[0]["text"] == entries[2]["text"] == REPLY.strip()
    assert list(entries[1]) == ["error"] and entries[1]["error"]["code"] == "image_not_found"
    assert json.loads(smolvlm("describe", picture, "--jsonl").out)["text"] == REPLY.strip()


def test_json_and_jsonl_hold_the_same(smolvlm):
    asked = ("ask", SHAPES, RECEIPT, "What is this?", *EMBEDDED)
    lines = [json.loads(line) for line in smolvlm(*asked, "--jsonl").out.splitlines()]
    whole = json.loads(smolvlm(*asked, "--json").out)
    assert len(lines) == 2
    for line, entry in zip(lines, whole, strict=True):
        assert list(line) == list(entry)
        assert (line["image"], line["text"]) == (entry["image"], entry["text"])


def test_a_line_is_there_before_the_next_image_is_done(images):
    with start("describe", *images, "--jsonl", *EMBEDDED, before=STUCK) as process:
        told = [json.loads(process.stdout.readline())["image"] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert told == [str(images[0]), str(images[1])]


@pytest.mark.parametrize(
    "arguments",
    [["--json", "--jsonl"], ["--jsonl", "--stream"], ["--json", "--stream"]],
    ids=" ".join,
)
def test_forms_exclude_each_other(smolvlm, fake, picture, arguments):
    answer = smolvlm("describe", picture, *arguments)
    assert (answer.code, answer.out, fake) == (2, "", [])
    assert "exclude each other" in only_line(answer.err)
    if "--stream" not in arguments:
        answer = smolvlm("plan", picture, *arguments, *EMBEDDED)
        assert answer.code == 2 and "exclude each other" in only_line(answer.err)


# Ctrl-C


def test_ctrl_c_prints_the_list_of_what_is_done(images):
    done = json.loads(interrupted("describe", *images, "--json"))
    assert [entry["image"] for entry in done] == [str(images[at]) for at in (0, 1, 3)]


def test_ctrl_c_keeps_lines_and_words(images):
    lines = interrupted("describe", *images, "--jsonl").splitlines()
    assert [json.loads(line)["image"] for line in lines] == [str(images[at]) for at in (0, 1, 3)]
    text = interrupted("describe", *images)
    assert [name for name in images if f"{name}:\n" in text] == [images[at] for at in (0, 1, 3)]


def test_ctrl_c_keeps_the_answers_of_a_file_of_questions(images, tmp_path):
    questions = tmp_path / "questions.json"
    questions.write_text('{"what": "What is it?", "color": "Which color?"}')
    out = interrupted("ask", *images, "--questions", questions, "--json")
    done = json.loads(out)
    assert [entry["image"] for entry in done] == [str(images[at]) for at in (0, 1, 3)]
    assert all(list(entry["answers"]) == ["what", "color"] for entry in done)


def test_what_failed_is_done_as_well(images, tmp_path):
    """And a list it is, though only one image is in it."""
    missing = tmp_path / "missing.png"
    (entry,) = json.loads(interrupted("describe", missing, images[2], "--json", begun=1))
    assert entry["image"] == str(missing) and entry["error"]["code"] == "image_not_found"


# Several at once


def meeting(monkeypatch, count):
    """Have every request wait until so many of them are in the engine."""
    barrier = threading.Barrier(count)
    stream = SmolVLM.stream
    monkeypatch.setattr(
        SmolVLM, "stream", lambda *a, **options: barrier.wait(60) >= 0 and stream(*a, **options)
    )


@pytest.mark.parametrize("form", [[], ["--json"], ["--jsonl"]], ids=str)
def test_images_are_answered_about_together(smolvlm, fake, picture, monkeypatch, form):
    meeting(monkeypatch, AT_ONCE)
    answer = smolvlm("describe", *[picture] * AT_ONCE, *form)
    assert answer.code == 0 and answer.out.count("[bold]rotes[/bold]") == 3 * AT_ONCE


def test_streamed_words_come_from_one_image_at_a_time(smolvlm, fake, picture, monkeypatch):
    running, most = [], []
    stream = SmolVLM.stream

    def count(*arguments, **options):
        running.append(1)
        most.append(len(running))
        yield from (reply := stream(*arguments, **options))
        running.pop()
        return reply

    class Whole:
        def __init__(self, *arguments, **options):
            self._chunks = count(*arguments, **options)

        def __iter__(self):
            self._reply = yield from self._chunks

        def result(self):
            return self._reply.result()

    monkeypatch.setattr(SmolVLM, "stream", lambda *a, **options: Whole(*a, **options))
    answer = smolvlm("describe", *[picture] * 3, "--stream")
    assert answer.out == f"{picture}:\n{REPLY.strip()}\n" * 3
    assert most == [1, 1, 1]


def test_answers_stand_in_the_order_of_the_images(smolvlm, fake, picture, monkeypatch):
    """Though the first is answered last."""
    others = [picture.with_name(f"{name}.png") for name in "bcd"]
    for other in others:
        other.write_bytes(picture.read_bytes())
    stream, done = SmolVLM.stream, threading.Semaphore(0)

    def last(self, messages, **options):
        if messages[0].content[0].image.ref.source == str(picture):
            for _ in others:
                assert done.acquire(timeout=60)
            return stream(self, messages, **options)
        reply = stream(self, messages, **options)
        reply.result()
        done.release()
        return reply

    monkeypatch.setattr(SmolVLM, "stream", last)
    lines = smolvlm("describe", picture, *others, "--jsonl").out.splitlines()
    assert [json.loads(line)["image"] for line in lines] == [str(picture), *map(str, others)]


def test_a_failure_that_is_no_images_fault_ends_the_command(smolvlm, fake, picture, monkeypatch):
    from smolvlm_tools import Closed

    asked = []

    def fail(self, messages, **options):
        asked.append(messages)
        raise Closed("the engine is closed", "Load the model again.")

    monkeypatch.setattr(SmolVLM, "stream", fail)
    answer = smolvlm("describe", *[picture] * 3, "--json")
    assert (answer.code, answer.out) == (1, "")
    assert only_line(answer.err).startswith("error: the engine is closed")
