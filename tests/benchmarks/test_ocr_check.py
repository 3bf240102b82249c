"""The benchmark of the second reader draws what it says, counts it, and goes on after an end."""

from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks import ocr_check
from benchmarks.ocr.measures import Counts
from benchmarks.ocr.pages import HANDWRITING, draw_page
from tests.support.ocr import ocr_only
from tests.support.print_pages import fonts


def test_written_words_stand_where_their_boxes_are() -> None:
    page = draw_page(HANDWRITING, 3, fonts()[:1])
    ink = page.picture.convert("L").point(lambda level: 255 * (level < 128))
    assert len(page.boxes) == sum(map(len, page.lines))
    for box in page.boxes:
        corners = (box.left, box.top, box.right, box.bottom)
        assert ink.crop(corners).getbbox() == (0, 0, box.right - box.left, box.bottom - box.top)


def test_a_page_is_written_the_same_each_time_and_no_other_is_like_it() -> None:
    one, again, other = (draw_page(HANDWRITING, seed, fonts()[:1]) for seed in (1, 1, 2))
    assert again == one
    assert other.lines != one.lines


def test_counts_of_pages_add_up() -> None:
    both = Counts(words=3, boxed=2, model=[(0.5, True)])
    both.join(Counts(words=1, boxed=1, model=[(0.2, False)]))
    assert both == Counts(words=4, boxed=3, model=[(0.5, True), (0.2, False)])


def test_a_font_that_is_none_is_refused(tmp_path, capsys) -> None:
    (tmp_path / "no.ttf").write_text("no font")
    assert ocr_check.main(["--pages", "1", "--handwriting", str(tmp_path / "no.ttf")]) == 2
    assert "no.ttf cannot be read" in capsys.readouterr().err


@ocr_only
def test_a_run_goes_on_where_it_was_ended_and_says_that_handwriting_is_left_out(
    tmp_path, capsys
) -> None:
    saved = tmp_path / "pages.jsonl"
    counts = dataclasses.asdict(Counts(words=10, boxed=7))
    saved.write_text(json.dumps({"page": 3, "counts": counts}) + "\n")
    arguments = ["--pages", "2", "--first", "3", "--json", "--saved", str(saved)]
    assert ocr_check.main(arguments) == 0
    told = capsys.readouterr()
    assert "handwriting is left out" in told.err
    kinds = json.loads(told.out)["kinds"]
    assert kinds["blank"]["words with a box of IoU >= 0.5"] == "0.7000"
    assert [json.loads(line)["page"] for line in saved.read_text().splitlines()] == [3, 4]
    assert float(kinds["receipt"]["invented lines flagged"]) == pytest.approx(1)
