"""Reading labels, what counts as right, and fits to answers whose scale is known."""

from __future__ import annotations

import datetime
import json
import math
import random

import pytest
from PIL import Image

from smolvlm_tools.decoding.scales import CLOSEST, Scale, logit, sigmoid
from smolvlm_tools.errors import BadOptions, ImageNotFound
from smolvlm_tools.quality import reliability
from smolvlm_tools.quality.calibrate.asking import Answered
from smolvlm_tools.quality.calibrate.content_free import content_free
from smolvlm_tools.quality.calibrate.fitting import (
    CannotFit,
    fit,
    helps,
    out_of_fold,
    platt,
)
from smolvlm_tools.quality.calibrate.labels import check_apart, read_labels
from smolvlm_tools.quality.calibrate.right import at, is_right


def answers(count, scale, kind="number", seed=1):
    """Answers that are right as often as `scale` makes of their confidence."""
    rng = random.Random(seed)
    found = []
    for item in range(count):
        p = sigmoid(rng.gauss(1, 2))
        found.append(Answered(item, kind, p, rng.random() < scale.scalar(p)))
    return found


def test_a_known_scale_is_recovered():
    true = Scale(temperature=2.5, offset=-0.8)
    found = fit(answers(20_000, true))
    assert found.temperature == pytest.approx(2.5, rel=0.08)
    assert found.offset == pytest.approx(-0.8, abs=0.08)


def test_a_known_offset_of_yes_is_recovered():
    rng, true = random.Random(3), Scale(temperature=1.5, offset=1.0)
    found = []
    for item in range(20_000):
        yes = sigmoid(rng.gauss(0, 2))
        wanted = 0 if rng.random() < true.scalar(yes) else 1
        pair = yes, 1 - yes
        right = (yes >= 0.5) == (wanted == 0)
        found.append(Answered(item, "yes-no", max(pair), right, ("yes", "no"), pair, wanted))
    scale = fit(found)
    assert scale.temperature == pytest.approx(1.5, rel=0.08)
    assert scale.offset == pytest.approx(1.0, abs=0.08)
    corrected = sum(each.scaled(scale)[1] for each in found)
    assert corrected > sum(each.right for each in found)


def test_a_known_temperature_of_choices_is_recovered_without_an_offset():
    rng, true = random.Random(4), Scale(temperature=3)
    found, options = [], ("a", "b", "c")
    for item in range(20_000):
        weights = [math.exp(rng.gauss(0, 3)) for _ in options]
        said = tuple(weight / sum(weights) for weight in weights)
        (wanted,) = rng.choices(range(3), true.options(options, said))
        right = said.index(max(said)) == wanted
        found.append(Answered(item, "choice", max(said), right, options, said, wanted))
    scale = fit(found)
    assert scale.temperature == pytest.approx(3, rel=0.08)
    assert scale.offset == 0


def test_the_calibration_error_falls_on_answers_that_were_not_fitted_on():
    true = Scale(temperature=3, offset=-1)
    pairs = out_of_fold(answers(600, true), seed=0)
    assert len(pairs) == 600
    before = reliability.calibration_error([each.raw for each, _ in pairs])
    after = reliability.calibration_error([scored for _, scored in pairs])
    assert before > 0.15
    assert after < before / 2
    assert helps(pairs)
    assert not helps(out_of_fold(answers(40, Scale()), seed=0))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (answers(15, Scale()), "only 15"),
        ([Answered(i, "text", 0.5 + i / 100, True) for i in range(20)], "all answers are right"),
        ([Answered(i, "text", 0.5 + i / 100, False) for i in range(20)], "all answers are wrong"),
        ([Answered(i, "text", i / 100 + 0.2, i < 10) for i in range(20)], "not surer"),
        ([Answered(i, "text", 0.0, False) for i in range(20)], "only 0"),
    ],
)
def test_answers_that_do_not_say_which_way_are_not_fitted(found, why):
    with pytest.raises(CannotFit, match=why):
        fit(found)


def test_yes_and_no_must_both_be_right_sometimes():
    options = "yes", "no"
    sure, unsure = (0.9, 0.1), (0.1, 0.9)
    found = [
        Answered(i, "yes-no", 0.9, i % 2 == 0, options, unsure if i % 2 else sure, 0)
        for i in range(20)
    ]
    with pytest.raises(CannotFit, match="always the same"):
        fit(found)


def test_separable_and_extreme_answers_give_a_finite_scale():
    scale = platt([1.0] * 20 + [0.0] * 20, [True] * 20 + [False] * 20)
    assert 0.01 <= scale.temperature <= 100
    assert scale.scalar(1.0) == pytest.approx(21 / 22, abs=1e-3)
    assert logit(0.0) == pytest.approx(-logit(1 - CLOSEST))


@pytest.mark.parametrize(
    ("said", "wanted", "right"),
    [
        ("  Corner  CAFE ", "corner cafe", True),
        ("corner", "corner cafe", False),
        (0.1 + 0.2, 0.3, True),
        (0.3001, 0.3, False),
        (12345678901, 12345678902, False),
        (True, 1, False),
        (None, "x", False),
        ({"a": [1, "X"]}, {"a": [1, "x"]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], [1, 2], False),
        (datetime.date(2020, 1, 2), datetime.date(2020, 1, 2), True),
    ],
)
def test_what_counts_as_right(said, wanted, right):
    assert is_right(said, wanted) is right


def test_a_pointer_finds_its_value_or_nothing():
    document = {"a/b": [{"~": 3}], "c": "text"}
    assert at(document, "/a~1b/0/~0") == 3
    assert at(document, "/a~1b/1") is None
    assert at(document, "/c/0") is None


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    return tmp_path


def written(folder, *lines):
    path = folder / "labels.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_kinds_follow_from_the_answers(folder):
    line = {"image": "a.png", "question": "?"}
    path = written(
        folder,
        {**line, "answer": True},
        {**line, "answer": 4},
        {**line, "answer": 4.5},
        "",
        {**line, "answer": "2020-01-02"},
        {**line, "answer": "2020-01-02", "kind": "date"},
        {**line, "answer": ["x"]},
        {**line, "answer": "x", "choices": ["x", "y"]},
        {**line, "answer": "X1", "pattern": "X[0-9]"},
        {"image": "a.png", "schema": {"type": "object"}, "answer": {}},
        {**line, "answer": "No", "kind": "yes-no"},
    )
    found = read_labels(path)
    kinds = ["yes-no", "integer", "number", "text", "date", "list", "choice", "regex", "document"]
    assert [question.kind for question in found] == [*kinds, "yes-no"]
    assert found[3].number == 5 and found[3].size == (40, 30)
    assert found[4].wanted == datetime.date(2020, 1, 2)
    assert found[-1].wanted is False
    assert read_labels(folder) == found


LINE = {"image": "a.png", "question": "?", "answer": 1}


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "Invalid JSON"),
        ({**LINE, "colour": 1}, "colour"),
        ({**LINE, "kind": "smell"}, "kind"),
        ({**LINE, "question": ""}, "either a question or a schema"),
        ({**LINE, "schema": {}}, "either a question or a schema"),
        ({**LINE, "kind": "choice"}, "choices"),
        ({**LINE, "choices": ["a", "b"]}, "not one of a, b"),
        ({**LINE, "kind": "yes-no"}, "'yes-no'"),
        ({**LINE, "kind": "date", "answer": "soon"}, "not a date"),
        ({**LINE, "kind": "integer", "answer": 1.5}, "'integer'"),
        ({"image": "a.png", "question": "?"}, "no answer"),
        ({**LINE, "choices": ["a", "a"], "answer": "a"}, "twice"),
    ],
)
def test_a_bad_line_is_named_by_its_number(folder, line, named):
    path = written(folder, LINE, line)
    with pytest.raises(BadOptions, match="line 2 of labels") as caught:
        read_labels(path)
    assert named in str(caught.value)


def test_a_missing_image_is_its_own_error_with_the_line(folder):
    with pytest.raises(ImageNotFound, match="line 1 of labels"):
        read_labels(written(folder, {**LINE, "image": "b.png"}))


def test_a_file_without_questions_and_a_missing_one_are_refused(folder):
    with pytest.raises(BadOptions, match="has no questions"):
        read_labels(written(folder, ""))
    with pytest.raises(BadOptions, match="cannot be read"):
        read_labels(folder / "missing.jsonl")


def test_a_held_out_set_shares_no_question_with_the_fitted_one(folder):
    found = read_labels(written(folder, LINE))
    with pytest.raises(BadOptions, match="line 1 of the held-out labels"):
        check_apart(found, found)
    check_apart(found, read_labels(written(folder, {**LINE, "question": "What?"})))


def test_images_without_content_have_the_size_of_the_questions_image():
    images = content_free((40, 30), seed=0)
    assert [image.size for image in images] == [(40, 30)] * 3
    assert len({image.tobytes() for image in images}) == 3
    assert content_free((40, 30), seed=0)[2].tobytes() == images[2].tobytes()


def test_a_threshold_is_the_smallest_that_is_right_often_enough():
    scored = [(0.9, True), (0.8, True), (0.7, False), (0.6, True)]
    assert reliability.least_threshold(scored, 0.75).threshold == 0.6
    assert reliability.least_threshold(scored, 0.8).threshold == 0.8
    assert reliability.least_threshold([(0.5, False)], 0.5) is None
    assert reliability.least_share(10, 10) == pytest.approx(0.7225, abs=1e-3)


def test_an_interval_draws_items_that_belong_together():
    apart = reliability.interval(reliability.accuracy, [[(1.0, i % 2 == 0)] for i in range(40)])
    together = [[(1.0, half)] * 20 for half in (True, False)]
    assert reliability.interval(reliability.accuracy, together) == (0.0, 1.0)
    assert 0.3 < apart[0] < 0.5 < apart[1] < 0.7
