"""docs/video.md: its code runs as it stands, and its commands."""

from __future__ import annotations

import json
import shlex
import shutil

import pytest
from PIL import Image

from smolvlm_tools.cli.run import run
from tests.support.clips import encode, picture
from tests.support.document_blocks import blocks
from tests.support.paths import SHAPES


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder with the files that the document speaks of."""
    frames = [picture(number, (160, 90)) for number in range(70)]
    (tmp_path / "clip.mp4").write_bytes(encode(frames, fps="1"))
    for name in ("before.png", "after.png"):
        shutil.copy(SHAPES, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_code_runs(world, embedded):
    code = "\n".join(blocks("docs/video.md", "python")).replace("256m-video", embedded)
    names: dict = {}
    exec(code, names)
    names["vlm"].close()


def test_the_commands_run(world, embedded):
    for block in blocks("docs/video.md", "sh"):
        for line in block.splitlines():
            assert run(shlex.split(line)[1:]) == 0, line
    with Image.open(world / "sheet.png") as sheet:
        assert min(sheet.size) > 256
    records = [json.loads(line) for line in (world / "records.jsonl").read_text().splitlines()]
    assert sorted((r["start"], r["end"]) for r in records) == [(0, 30), (30, 60), (60, 70)]
