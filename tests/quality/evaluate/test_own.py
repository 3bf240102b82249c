"""Data of a user's own, as lines, tables and folders."""

from __future__ import annotations

import json

import pytest

from smolvlm_tools.errors import BadOptions
from smolvlm_tools.quality.evaluate import DataWish, open_data


def first(data):
    return next(iter(data.source.read([0])))


def own(tmp_path, *lines, name="labels.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


LINE = {"image": "a.png", "question": "How many?", "answer": 3}


def test_own_lines_may_have_several_answers_images_and_options(tmp_path):
    path = own(
        tmp_path,
        LINE,
        {**LINE, "answer": ["3", "three"], "category": "count", "id": "x"},
        {**LINE, "image": ["a.png", "b.png"], "answer": True},
    )
    source = open_data(DataWish(str(path))).source
    one, two, three = source.read([0, 1, 2])
    assert (one.answers, one.images, one.id) == (("3",), (tmp_path / "a.png",), "1")
    assert (two.answers, two.category, two.id) == (("3", "three"), "count", "x")
    assert three.images == (tmp_path / "a.png", tmp_path / "b.png") and three.answers == ("yes",)


@pytest.mark.parametrize("answer", ["B", "dog"])
def test_an_own_choice_takes_the_letter_or_the_text(answer, tmp_path):
    path = own(tmp_path, {**LINE, "options": ["cat", "dog"], "answer": answer})
    data = open_data(DataWish(str(path), metric="choice"))
    sample = first(data)
    assert data.task.score("B. dog", sample) == 1 and data.task.score("A", sample) == 0


def test_own_csv_and_folders_are_read_and_columns_have_any_name(tmp_path):
    (tmp_path / "metadata.csv").write_text(
        'file_name,q,wanted\na.png,"How\nmany?","[""3"", ""three""]"\n'
    )
    from smolvlm_tools.quality.evaluate import Columns

    wish = DataWish(str(tmp_path), columns=Columns("file_name", "q", "wanted"))
    sample = first(open_data(wish))
    assert sample.question == "How\nmany?" and sample.answers == ("3", "three")
    assert sample.images == (tmp_path / "a.png",)


@pytest.mark.parametrize(
    ("line", "metric", "said"),
    [
        ({"image": "a.png", "question": "?"}, "", "line 1 of labels.jsonl: it has no answer"),
        ({"question": "?", "answer": "a"}, "", "it has no image"),
        (LINE, "choice", "no options"),
        ({**LINE, "options": ["cat"], "answer": "hen"}, "choice", "none of its options"),
        ({**LINE, "options": 4}, "choice", "its options are 4"),
        (LINE, "vqa", "no full score"),
        ({**LINE, "answer": {"a": 1}}, "", "answer is"),
        (LINE, "bleu", "unknown metric 'bleu'"),
        ([1], "", "no object"),
    ],
)
def test_an_own_line_that_is_wrong_is_named(line, metric, said, tmp_path):
    with pytest.raises(BadOptions, match=said):
        open_data(DataWish(str(own(tmp_path, line)), metric=metric))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (DataWish("docvq"), "neither a benchmark nor a file"),
        (DataWish("docvqa", metric="exact"), "its own metric"),
        (DataWish("docvqa", data="missing.tsv"), "cannot be read"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(wish, said):
    with pytest.raises(BadOptions, match=said):
        open_data(wish)


def test_a_folder_without_labels_and_a_file_of_another_kind_are_refused(tmp_path):
    with pytest.raises(BadOptions, match="has 0 of labels"):
        open_data(DataWish(str(tmp_path)))
    with pytest.raises(BadOptions, match=r"neither a folder, nor \.jsonl"):
        open_data(DataWish(str(own(tmp_path, LINE, name="a.txt"))))
