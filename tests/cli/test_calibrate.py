"""`smolvlm calibrate` on the embedded checkpoint."""

from __future__ import annotations

import json

import pytest

from benchmarks.answers.labels import write_labels
from smolvlm_tools import Calibration
from smolvlm_tools.cli.run import run
from smolvlm_tools.decoding.scales import Scale
from tests.support.calibrations import calibration
from tests.support.paths import ROOT

ENGINE = ("--model", "embedded", "--backend", "onnx", "--precision", "fp32")
SHAPES = ROOT / "examples/images/shapes.png"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, embedded):
    return write_labels(tmp_path_factory.mktemp("labels"), 20, 30, 84_700_000)


@pytest.fixture
def report(capsys, tmp_path, labelled):
    """Run the command with --json; what it printed, and the file it wrote."""

    def call(*arguments):
        out = tmp_path / "calibration.json"
        given = ["calibrate", labelled, *ENGINE, "--out", out, "--json", *arguments]
        assert run([str(each) for each in given]) == 0
        return json.loads(capsys.readouterr().out), out

    return call


def test_labels_become_a_file_that_the_commands_take(report, capsys):
    found, out = report()
    made = Calibration.read(out)
    assert found["calibration"] == json.loads(made.model_dump_json())
    assert made.engine.model == "smolvlm-embedded"
    kinds = {each["kind"]: each for each in found["kinds"]}
    assert set(kinds) == {"yes-no", "choice", "integer", "number", "document", "field"}
    assert kinds["document"]["answers"] == 30
    assert "only 4 answers" in kinds["integer"]["reason"]
    for each in found["kinds"]:
        assert (each["scale"] is None) == bool(each["reason"])
        assert (each["after"] is None) == (each["scale"] is None)
    ask = ["ask", str(SHAPES), "Is there a circle?", *ENGINE, "--answer", "yes-no", "--json"]
    assert run([*ask, "--calibration", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["value"] is True


def test_a_held_out_set_is_what_is_measured(report, tmp_path):
    other = write_labels(tmp_path / "other", 5, 6, 84_800_000)
    found, _ = report("--held-out", other)
    assert {each["measured_on"] for each in found["kinds"]} == {"held out"}


def test_without_labels_closed_choices_get_a_prior(report, capsys):
    found, out = report("--unlabelled")
    made = Calibration.read(out)
    assert made.method == "content-free" and not made.kinds
    assert ("yes", "no") in [prior.options for prior in made.priors]
    assert found["unused"] == 20 * 2 // 5 + 30  # counts, printed numbers, forms
    assert [each["kind"] for each in found["kinds"]] == ["yes-no", "choice"]
    assert all(each["after"] for each in found["kinds"])


def test_the_tables_say_what_stays_and_which_threshold_reaches_the_share(
    capsys, tmp_path, labelled
):
    out = tmp_path / "c.json"
    assert run(["calibrate", str(labelled), *ENGINE, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "integer stays as it is: only 4 answers" in captured.out
    assert "--min-confidence that is right in 95%" in captured.out
    assert str(out) in captured.err


def test_a_calibration_decides_what_is_withheld(capsys, tmp_path, embedded):
    out = tmp_path / "c.json"
    calibration(yes_no=Scale(temperature=100)).save(out)
    ask = ["ask", str(SHAPES), "Is there a circle?", *ENGINE, "--answer", "yes-no", "--json"]
    abstained = []
    for more in ([], ["--calibration", str(out)]):
        run([*ask, "--min-confidence", "0.8", *more])
        abstained.append(json.loads(capsys.readouterr().out)["abstained"])
    assert abstained == [False, True]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--share-right", "2"), "--share-right"),
        (("--out", "no/such/folder/c.json"), "does not exist"),
        (("--unlabelled", "--held-out", "x.jsonl"), "could be held out"),
        (("--precision", "fp17"), "'fp17'"),
        (("--held-out", "missing.jsonl"), "missing.jsonl"),
        (("--resolution", "huge"), "huge"),
    ],
)
def test_a_bad_option_is_refused_before_the_model_is_loaded(
    capsys, tmp_path, labelled, arguments, named, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert run(["calibrate", str(labelled), "--model", "no/such-model", *arguments]) == 2
    assert named in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_too_few_labels_are_refused(capsys, tmp_path, labelled):
    lines = (labelled / "labels.jsonl").read_text().splitlines()[:15]
    (labelled / "few.jsonl").write_text("\n".join(lines))
    assert run(["calibrate", str(labelled / "few.jsonl"), "--model", "no/such-model"]) == 2
    assert "15 labelled questions are too few" in capsys.readouterr().err
