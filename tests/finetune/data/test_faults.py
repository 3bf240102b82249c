"""What cannot be learned from is named before a run begins: where, what, and what to do."""

from __future__ import annotations

import pytest

from smolvlm_tools.errors import BadOptions, BadSamples
from smolvlm_tools.finetune.data import DataOptions, read_split

GOOD = {"image": "pictures/0.png", "question": "What?", "answer": "Red."}
ASK = {"role": "user", "content": "What?"}
TOLD = {"role": "assistant", "content": "Red."}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [ASK], "images": ["pictures/0.png"]}, "no turn of the assistant"),
        ({"messages": [ASK, TOLD, ASK]}, "the last turn is the user's"),
        ({"messages": [TOLD]}, "the assistant speaks first"),
        ({"messages": []}, "no list of turns"),
        ({"messages": ["hello"]}, "turn 1 is no object"),
        ({"messages": [{"role": "bot", "content": "x"}, TOLD]}, "an unknown role 'bot'"),
        ({"messages": [ASK, {"role": "assistant", "content": " \n"}]}, "an empty answer"),
        ({"messages": [ASK, {"role": "assistant", "content": None}]}, "'content' is null"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}, TOLD]}, "type 'video'"),
        (
            {"messages": [{"role": "user", "content": "<image><image>x"}, TOLD], "images": []},
            "no images and 2 places",
        ),
        (
            {
                "messages": [{"role": "user", "content": "<image>x"}, TOLD],
                "images": ["pictures/0.png", "pictures/1.png"],
            },
            "2 images and 1 place",
        ),
        (
            {
                "messages": [ASK, {"role": "assistant", "content": "<image>"}],
                "images": ["pictures/0.png"],
            },
            "an image in the assistant's turn",
        ),
        (
            {
                "conversations": [
                    {"from": "human", "value": "x"},
                    {"from": "gpt", "value": "y"},
                ],
                "images": ["pictures/0.png"],
            },
            "1 image and no places",
        ),
        ({**GOOD, "image": "pictures/9.png"}, "pictures/9.png"),
        ({**GOOD, "image": "broken.png"}, "broken.png"),
        ({**GOOD, "image": "https://example.com/a.png"}, "is on the web"),
        ({**GOOD, "image": 7}, "an image given as 7"),
        ({**GOOD, "answer": 4.5}, "'answer' is a float"),
        ({"instruction": "x", "output": ""}, "an empty answer"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_a_remedy(row, reason, write, folder):
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(BadSamples) as caught:
        read_split(write(row))
    assert "train.jsonl:1: " in caught.value.reason and reason in caught.value.reason
    assert caught.value.remedy and caught.value.count == 1


def test_all_bad_rows_are_counted_and_the_first_are_shown(write):
    rows = [{**GOOD, "answer": ""} if at % 2 else GOOD for at in range(40)]
    with pytest.raises(BadSamples, match="20 of 40 rows") as caught:
        read_split(write(*rows), DataOptions(shown=3))
    assert caught.value.count == 20 and len(caught.value.faults) == 3
    assert [fault.split(": ")[0] for fault in caught.value.faults] == [
        f"train.jsonl:{line}" for line in (2, 4, 6)
    ]
    assert "and 17 more" in caught.value.reason and "`skip_bad`" in caught.value.remedy


def test_bad_rows_are_left_out_where_that_is_asked_for_and_said(write):
    split = read_split(
        write(GOOD, {**GOOD, "answer": ""}, GOOD), DataOptions(skip_bad=True), validation=0
    )
    assert len(split.training) == 2
    (note,) = split.notes
    assert "1 rows left out" in note and "train.jsonl:2" in note


def test_where_no_row_is_left_there_is_nothing_to_skip(write):
    with pytest.raises(BadSamples, match="1 of 1 rows"):
        read_split(write({**GOOD, "answer": ""}), DataOptions(skip_bad=True))


def test_a_broken_line_is_one_fault_among_others(write):
    path = write(GOOD, GOOD)
    path.write_bytes(path.read_bytes() + b'{"image": \n\xff\n[1]\n')
    with pytest.raises(BadSamples, match="3 of 5 rows") as caught:
        read_split(path)
    assert "train.jsonl:3: not JSON" in caught.value.faults[0]
    assert "train.jsonl:4: not UTF-8" in caught.value.faults[1]
    assert "train.jsonl:5: a JSON list" in caught.value.faults[2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("hello", "neither JSON Lines, a JSON array"),
        ("[{}", "without its end"),
        ("[1, 2]", "'1, 2' where a sample should be"),
        ("[]", "has no samples"),
        ('{"a": 1}', "no form that is known"),
    ],
)
def test_a_file_that_is_none_says_so(text, reason, folder):
    path = folder / "train.json"
    path.write_text(text)
    with pytest.raises(BadSamples, match=reason):
        read_split(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,answer,answer\n", "names the columns"),
        ("image,answer\npictures/0.png,a,b\n", "3 cells in a table of 2 columns"),
        ('image,answer\npictures/0.png,"a\n', "not a row of CSV"),
        ("image,answer\n", "has no samples"),
    ],
)
def test_a_table_that_is_none_says_so(text, reason, folder):
    path = folder / "train.csv"
    path.write_text(text)
    with pytest.raises(BadSamples, match=reason):
        read_split(path)


def test_a_folder_without_captions_says_what_is_missing(folder):
    with pytest.raises(BadSamples, match=r"5 images, none with a caption"):
        read_split(folder / "pictures")
    (folder / "pictures" / "0.txt").write_text("One.")
    with pytest.raises(BadSamples, match=r"4 of 5 rows.*1\.png: no 1\.txt beside it"):
        read_split(folder / "pictures")


def test_an_animation_is_no_image_to_learn_from(folder, write):
    from PIL import Image

    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "two.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(BadSamples, match="has 2 pages"):
        read_split(write({**GOOD, "image": "two.gif"}))


@pytest.mark.parametrize(
    "options", [{"format": "xml"}, {"question": " "}, {"image_folder": "nowhere"}]
)
def test_impossible_options_are_refused(options, tmp_path):
    if "image_folder" in options:
        options = {"image_folder": tmp_path / "nowhere"}
    with pytest.raises(BadOptions):
        DataOptions(**options)
