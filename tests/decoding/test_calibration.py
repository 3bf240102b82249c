"""Scales, priors, and the file that holds them."""

from __future__ import annotations

import json

import pytest

from smolvlm_tools import BadOptions, Calibration
from smolvlm_tools.decoding.calibration import Engine
from smolvlm_tools.decoding.scales import Prior, Scale, logit
from tests.support.calibrations import ENGINE, calibration


def test_a_scale_is_a_line_in_logits():
    scale = Scale(temperature=2, offset=-0.5)
    assert logit(scale.scalar(0.9)) == pytest.approx(logit(0.9) / 2 - 0.5)
    assert Scale().scalar(0.3) == pytest.approx(0.3)


def test_a_scale_keeps_the_order_and_leaves_zero():
    scale = Scale(temperature=3, offset=4)
    values = [scale.scalar(step / 20) for step in range(1, 20)]
    assert values == sorted(values) and len(set(values)) == 19
    assert scale.scalar(0.0) == 0.0
    assert scale.scalar(1.0) < 1


def test_a_temperature_alone_never_changes_the_likeliest_option():
    before = (0.2, 0.5, 0.3)
    for temperature in (0.1, 1, 7):
        after = Scale(temperature=temperature).options(("a", "b", "c"), before)
        assert sum(after) == pytest.approx(1)
        assert after.index(max(after)) == 1
    assert Scale().options(("a", "b", "c"), before) == pytest.approx(before)


def test_an_offset_is_added_to_the_logit_of_yes():
    no, yes = Scale(temperature=2, offset=1.5).options(("no", "yes"), (0.6, 0.4))
    assert logit(yes) == pytest.approx(logit(0.4) / 2 + 1.5)
    assert yes > no


def test_a_prior_divides_the_probabilities():
    prior = Prior(options=("a", "b"), logs=(-0.5, -2.0), questions=3)
    same = prior.correct(("b", "a"), (0.182425524, 0.817574476))  # as the prior itself
    assert same == pytest.approx((0.5, 0.5), abs=1e-6)


def test_a_file_gives_back_what_was_saved(tmp_path):
    made = calibration(integer=Scale(temperature=1.5, offset=0.25))
    made.save(tmp_path / "c.json")
    assert Calibration.read(tmp_path / "c.json") == made
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
    assert hash(made) == hash(Calibration.read(tmp_path / "c.json"))


def test_a_file_that_cannot_be_replaced_is_left_alone_and_nothing_beside_it(tmp_path):
    (tmp_path / "c.json").mkdir()
    with pytest.raises(BadOptions, match="cannot be written"):
        calibration().save(tmp_path / "c.json")
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c.update(version=2), "version"),
        (lambda c: c.update(surprise=1), "surprise"),
        (lambda c: c.pop("engine"), "engine"),
        (lambda c: c.update(method="magic"), "method"),
        (lambda c: c.update(date="today"), "date"),
        (lambda c: c["kinds"][0].update(kind="smell"), "kind"),
        (lambda c: c["kinds"][0]["scale"].update(temperature=-1), "temperature"),
        (lambda c: c["kinds"][0]["scale"].update(temperature=0), "temperature"),
        (lambda c: c["kinds"][0]["scale"].update(offset=float("nan")), "offset"),
        (lambda c: c["kinds"][0]["scale"].update(offset="1"), "offset"),
        (lambda c: c["kinds"][0].update(kind="choice"), "temperature only"),
        (lambda c: c["kinds"].append(c["kinds"][0]), "twice"),
        (lambda c: c.update(method="content-free"), "no such part"),
    ],
)
def test_a_tampered_file_is_refused_by_the_part_at_fault(tmp_path, change, named):
    content = json.loads(calibration(integer=Scale(offset=1)).model_dump_json())
    change(content)
    path = tmp_path / "c.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadOptions, match=named) as caught:
        Calibration.read(path)
    assert "smolvlm calibrate" in caught.value.remedy


def test_what_is_no_calibration_is_refused(tmp_path):
    with pytest.raises(BadOptions, match="cannot be read"):
        Calibration.read(tmp_path / "missing.json")
    (tmp_path / "cut.json").write_text('{"version": 1')
    with pytest.raises(BadOptions, match="is not a calibration"):
        Calibration.read(tmp_path / "cut.json")


@pytest.mark.parametrize("name", Engine.model_fields)
def test_another_engine_is_refused_by_what_differs(name):
    made = calibration()
    made.check_engine(ENGINE)
    with pytest.raises(BadOptions, match=rf"{name} .*'other'"):
        made.check_engine(ENGINE.model_copy(update={name: "other"}))
