"""Typed answers and their confidence on held-out pictures, and the arithmetic that judges them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import calibration
from benchmarks.answers import samples as calibration_samples
from benchmarks.calibration import Extracted, Outcome
from smolvlm_tools import SmolVLM
from smolvlm_tools.quality import reliability
from smolvlm_tools.quality.reliability import Scored

SHARE = 40


@pytest.fixture(scope="module")
def vlm() -> Iterator[SmolVLM]:
    with SmolVLM.load("embedded", backend="onnx", precision="fp32") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def outcomes(vlm: SmolVLM) -> list[Outcome]:
    return calibration.measure(vlm, SHARE)


@pytest.fixture(scope="module")
def extracted(vlm: SmolVLM) -> list[Extracted]:
    return calibration.measure_fields(vlm, SHARE)


@pytest.fixture
def scored(outcomes: list[Outcome], extracted: list[Extracted]) -> list[Scored]:
    """Typed answers and fields together: wrong answers are few."""
    return [
        *(one.typed for one in outcomes),
        *(field for each in extracted for field in each.fields),
    ]


def test_typed_answers_are_as_often_right_as_free_text(outcomes: list[Outcome]) -> None:
    for kind, found in calibration.by_kind(outcomes).items():
        typed, free = sum(one.typed[1] for one in found), sum(one.free[1] for one in found)
        assert typed >= free, kind


def test_confidence_tells_right_answers_from_wrong_ones(scored: list[Scored]) -> None:
    separation = reliability.auroc(scored)
    assert separation is not None
    assert separation > 0.75


def test_surer_answers_are_more_often_right(scored: list[Scored]) -> None:
    sure = reliability.keep(scored, 0.9)
    assert sure.coverage > 0.5
    assert sure.accuracy is not None
    assert sure.accuracy > reliability.accuracy(scored)


def test_a_question_is_asked_the_same_way_every_time() -> None:
    seed = calibration_samples.SEED
    first, second = (list(calibration_samples.samples(12, seed)) for _ in range(2))
    assert [one.question for one in first] == [one.question for one in second]
    assert [one.image.tobytes() for one in first] == [one.image.tobytes() for one in second]
    kinds = ["count", "colour", "shape", "yes/no", "printed number"]
    assert [one.kind for one in first[:5]] == kinds


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_all_500_samples_reach_the_targets(precision: str, tmp_path: Path) -> None:
    plot = tmp_path / "reliability.png"
    assert calibration.main(["--precision", precision, "--plot", str(plot)]) == 0
    assert plot.stat().st_size < 60_000


def test_auroc_is_the_chance_that_right_is_surer_than_wrong() -> None:
    assert reliability.auroc([(0.9, True), (0.8, True), (0.1, False)]) == 1
    assert reliability.auroc([(0.1, True), (0.9, False)]) == 0
    assert reliability.auroc([(0.5, True), (0.5, False)]) == 0.5
    assert reliability.auroc([(0.2, True), (0.6, True), (0.4, False)]) == 0.5
    assert reliability.auroc([(0.5, True)]) is None
    assert reliability.auroc([(0.5, False)]) is None


def test_calibration_error_is_zero_where_confidence_is_the_share_of_right_answers() -> None:
    assert reliability.calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == 0
    assert reliability.calibration_error([(1.0, False)] * 4) == 1
    mixed = [(1.0, True), (1.0, True), (0.5, False), (0.5, False)]
    assert reliability.calibration_error(mixed) == pytest.approx(0.25)


def test_a_threshold_keeps_what_is_at_least_as_sure() -> None:
    scored = [(0.9, True), (0.7, False), (0.5, True), (0.1, False)]
    assert reliability.keep(scored, 0.7) == reliability.Kept(0.7, 0.5, 0.5)
    assert reliability.keep(scored, 0.95) == reliability.Kept(0.95, 0.0, None)


def test_shortfalls_name_the_kind_and_the_figures() -> None:
    worse = [
        Outcome("count", (0.9, True), (0.9, False)),
        Outcome("shape", (0.9, True), (0.5, True)),
    ]
    found = calibration.shortfalls(worse, [])
    assert found[0] == "count: typed answers are right in 0.0%, free text in 100.0%"
    assert "AUROC" in found[-1]
    better = [
        Outcome("count", (0.9, True), (0.9, True)),
        Outcome("shape", (0.9, False), (0.5, False)),
    ]
    assert calibration.shortfalls(better, []) == []
    unsure = [Extracted([(0.9, False), (0.1, True)], (0.5, False))]
    assert calibration.shortfalls(better, unsure) == ["AUROC of all fields is 0.000, below 0.8"]


def test_fields_are_judged_one_by_one_and_numbers_as_numbers(extracted: list[Extracted]) -> None:
    forms = list(calibration_samples.forms(SHARE, calibration_samples.SEED))
    assert [len(each.fields) for each in extracted] == [len(form.fields) for form in forms]
    for each in extracted:
        assert each.whole[1] == all(right for _, right in each.fields)
        assert all(0 <= confidence <= 1 for confidence, _ in each.fields)
    table = calibration.fields_table(extracted)
    assert f"| {sum(len(form.fields) for form in forms)} |" in table
