"""The tour through the shipped images: whole with every checkpoint, right with the real ones."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.paths import ROOT


def tour(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "examples/checkpoint_tour.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def records(name: str) -> list[dict]:
    return [json.loads(line) for line in tour(name, "--json").splitlines()]


def test_every_image_is_visited_and_the_toy_knows_its_two(embedded):
    found = records("embedded")
    folders = [ROOT / "examples" / "images", ROOT / "examples" / "tour_images"]
    images = {f"{path.parent.name}/{path.name}" for folder in folders for path in folder.iterdir()}
    assert {record["image"] for record in found} == images and len(images) == 5
    known = [r["has_expected"] for r in found if r["image"].startswith("images/")]
    assert known == [True] * 4


def test_people_read_what_was_asked_and_whether_the_answer_has_what_is_there(embedded):
    printed = tour("embedded")
    assert "smolvlm-embedded · images/shapes.png · What color is the circle? (" in printed
    assert "    red\n    [has 'red']" in printed


@pytest.mark.hub
@pytest.mark.parametrize("alias", ["256m", "500m", "2.2b"])
def test_real_checkpoints_know_most_of_it(alias):
    found = records(alias)
    assert sum(record["has_expected"] for record in found) >= 7, found
