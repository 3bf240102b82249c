"""The command in this process, an engine that is scripted, and a picture."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from PIL import Image, ImageDraw

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.cli.run import run
from smolvlm_tools.quality.tasks import SHIPPED
from tests.support.cli import REPLY


@pytest.fixture
def smolvlm(capsys):
    """Run the command in this process: exit code, stdout and stderr."""

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def fake(tiny_a, monkeypatch):
    """Every model loads as a fake that says `REPLY`; returns the keywords of each load."""
    loads = []

    def load(name, **options):
        loads.append({"name": name, **options})
        checkpoint = open_checkpoint(tiny_a)
        return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " " + REPLY))

    monkeypatch.setattr(SmolVLM, "load", load)
    return loads


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    image = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(image).rectangle((5, 5, 25, 25), fill="red")
    image.save(path)
    return path


@pytest.fixture
def few_tasks(tmp_path):
    """A folder with two questions about one of the shipped images."""
    name = "shapes001.png"
    (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    ask = {"image": name, "task": "ask", "question": "Which color is the square?"}
    lines = [
        {**ask, "answer": "red", "metric": "exact"},
        {"image": name, "task": "describe", "answer": "red square", "metric": "f1"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "tasks.jsonl").write_text(text, encoding="utf-8")
    return tmp_path
