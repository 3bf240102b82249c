"""What is held apart: no image on both sides, and the same whatever the order."""

from __future__ import annotations

import random
import shutil

import pytest

from smolvlm_tools.errors import BadOptions
from smolvlm_tools.finetune.data import read_split
from smolvlm_tools.finetune.data.split import held_out


def digests(*names):
    return tuple(f"{name}".encode() for name in names)


def test_about_the_share_that_is_asked_for_is_held_apart():
    images = [digests(at) for at in range(1000)]
    learned, apart = held_out(images, 0.1)
    assert len(apart) == 100
    assert sorted([*learned, *apart]) == list(range(1000))


def test_the_order_of_the_rows_decides_nothing():
    images = [digests(at // 3) for at in range(300)]
    _, apart = held_out(images, 0.2)
    mixed = list(range(300))
    random.Random(1).shuffle(mixed)
    _, again = held_out([images[at] for at in mixed], 0.2)
    assert {images[at] for at in apart} == {images[mixed[at]] for at in again}


def test_no_image_is_on_both_sides_also_by_way_of_others():
    images = [digests(at, at + 1) for at in range(0, 400, 2)]
    images += [digests(at + 1, at + 2) for at in range(0, 400, 10)]
    learned, apart = held_out(images, 0.3)
    assert apart
    sides = [{image for at in side for image in images[at]} for side in (learned, apart)]
    assert not sides[0] & sides[1]


def test_each_side_gets_something_where_there_are_two_images():
    assert all(held_out([digests("a"), digests("b")], 0.1))
    assert held_out([digests("a"), digests("a")], 0.5) == ([0, 1], [])
    assert held_out([digests("a"), digests("b")], 0) == ([0, 1], [])


def test_a_copy_under_another_name_is_the_same_image(folder, write):
    rows = []
    for at in range(5):
        shutil.copy(folder / "pictures" / f"{at}.png", folder / f"copy-{at}.png")
        for name in (f"pictures/{at}.png", f"copy-{at}.png"):
            rows.append({"image": name, "question": "What?", "answer": "Red."})
    split = read_split(write(*rows), validation=0.4)
    sides = [
        {sample.messages[0].content[0].image.rpartition("/")[2][-5] for sample in side}
        for side in (split.training, split.validation)
    ]
    assert len(split.validation) == 4
    assert not sides[0] & sides[1]


def test_a_file_of_its_own_is_held_apart_and_overlap_is_said(folder, write):
    rows = [
        {"image": f"pictures/{at}.png", "question": "What?", "answer": "Red."} for at in range(5)
    ]
    training, apart = write(*rows[:3]), write(*rows[2:], name="val.jsonl")
    split = read_split(training, validation=apart)
    assert (len(split.training), len(split.validation)) == (3, 3)
    assert any("1 of 3 held-out samples are about images" in note for note in split.notes)


def test_samples_about_one_image_cannot_be_divided_and_that_is_said(folder, write):
    row = {"image": "pictures/0.png", "question": "What?", "answer": "Red."}
    split = read_split(write(row, row), validation=0.5)
    assert (len(split.training), len(split.validation)) == (2, 0)
    assert any("nothing is held apart" in note for note in split.notes)


def test_what_has_no_image_or_shows_nothing_is_said(folder, write):
    from PIL import Image

    Image.new("RGB", (9, 9), "white").save(folder / "blank.png")
    text = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "x"}]}
    seen = {
        "messages": [{"role": "user", "content": "<image>Hi"}, text["messages"][1]],
        "images": ["blank.png"],
    }
    notes = read_split(write(text, seen), validation=0).notes
    assert any("1 of 2 have no image" in note for note in notes)
    assert any("1 images show nothing" in note for note in notes)


@pytest.mark.parametrize("share", [-0.1, 1, 2.0])
def test_an_impossible_share_is_refused(share, write):
    with pytest.raises(BadOptions, match="no share"):
        read_split(write({}), validation=share)
