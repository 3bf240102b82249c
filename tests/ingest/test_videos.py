"""Long videos, which are ingested window by window."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from smolvlm_tools.errors import BadOptions
from smolvlm_tools.ingest import Reading, Wish, ingest
from tests.support.clips import encode, picture

WISH = Wish(tasks=("caption",), options={"max_new_tokens": 2, "frames": 3})


@pytest.fixture
def folder(tmp_path):
    """A video of 25 seconds, a still image and a text."""
    here = tmp_path / "in"
    here.mkdir()
    clip = encode([picture(number, (64, 64)) for number in range(125)], fps="5")
    (here / "film.mp4").write_bytes(clip)
    Image.new("RGB", (64, 64), "red").save(here / "still.png")
    (here / "notes.txt").write_text("no image")
    return here


def run(folder, out, **options):
    summary = ingest(folder, out, model="embedded", wish=WISH, reading=Reading(**options))
    found = [json.loads(line) for line in out.read_text().splitlines()]
    return summary, sorted(found, key=lambda record: (record["source"], record["page"] or 0))


def test_every_window_of_a_video_has_a_record_with_its_start_and_end(folder, tmp_path):
    _, records = run(folder, tmp_path / "r.jsonl", window="10s")
    film = [record for record in records if record["source"].endswith("film.mp4")]
    assert [(r["start"], r["end"]) for r in film] == [(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)]
    assert [(r["page"], r["pages"]) for r in film] == [(1, 3), (2, 3), (3, 3)]
    assert all(r["text"]["caption"] and r["usage"]["tiles"] == 3 for r in film)


def test_images_beside_it_are_looked_at_as_ever(folder, tmp_path):
    _, records = run(folder, tmp_path / "r.jsonl", window="10s")
    [still] = [record for record in records if record["source"].endswith("still.png")]
    assert (still["start"], still["end"], still["error"]) == (None, None, None)


def test_a_second_run_looks_at_nothing_again(folder, tmp_path):
    run(folder, tmp_path / "r.jsonl", window="10s")
    summary, records = run(folder, tmp_path / "r.jsonl", window="10s")
    assert summary.pages == summary.known == len(records) == 4


def test_folders_are_searched_for_videos_only_with_a_window(folder, tmp_path):
    _, records = run(folder, tmp_path / "r.jsonl")
    assert [record["source"].rpartition("/")[2] for record in records] == ["still.png"]


def test_a_video_that_is_named_without_a_window_says_so(folder, tmp_path):
    _, [record] = run(folder / "film.mp4", tmp_path / "r.jsonl")
    assert record["error"]["code"] == "bad_options"
    assert "window" in record["error"]["remedy"]


def test_a_broken_video_leaves_the_others_alone(folder, tmp_path):
    (folder / "broken.mp4").write_bytes((folder / "film.mp4").read_bytes()[:2000])
    summary, records = run(folder, tmp_path / "r.jsonl", window="1:00")
    assert summary.errors == 1
    assert [record["error"] and record["error"]["code"] for record in records] == [
        *("corrupt_image", None, None)
    ]


@pytest.mark.parametrize("window", ["0s", 0, "soon", -1, True, "0.5"])
def test_a_length_that_is_none_is_refused(window):
    with pytest.raises(BadOptions, match="window"):
        Reading(window=window)
