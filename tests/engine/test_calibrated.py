"""An engine with a calibration: every confidence goes through it before it is judged."""

from __future__ import annotations

from typing import Literal

import pytest

from smolvlm_tools import BadOptions, ImagePolicy, SmolVLM, ask_messages
from smolvlm_tools.decoding.scales import Scale
from smolvlm_tools.tools import Toolbox
from tests.support.calibrations import calibration, prior_of
from tests.support.paths import ROOT

SHAPES, RECEIPT = ROOT / "examples/images/shapes.png", ROOT / "examples/images/receipt.png"
ASKED = "What color is the circle?"
HALF = Scale(temperature=100)
"""Takes every confidence to about a half."""
SCHEMA = {
    "type": "object",
    "properties": {"vendor": {"type": "string"}, "total": {"type": "number"}},
    "required": ["vendor", "total"],
}


def load(made=None, **options):
    return SmolVLM.load("embedded", backend="onnx", precision="fp32", calibration=made, **options)


@pytest.fixture(scope="module")
def raw(embedded):
    with load() as vlm:
        yield vlm


@pytest.fixture(scope="module")
def halved(embedded):
    made = calibration(
        yes_no=HALF, choice=HALF, integer=HALF, number=HALF, text=HALF, document=HALF, field=HALF
    )
    with load(made) as vlm:
        yield vlm


@pytest.mark.parametrize("answer", [None, str, bool, int, float, Literal["red", "blue"]])
def test_confidence_is_calibrated_and_the_answer_stays(raw, halved, answer):
    before = raw.ask(SHAPES, ASKED, answer=answer)
    after = halved.ask(SHAPES, ASKED, answer=answer)
    assert (before.calibrated, after.calibrated) == ((), ("confidence",))
    assert (after.text, after.value) == (before.text, before.value)
    if before.probabilities is None:
        assert after.confidence == pytest.approx(HALF.scalar(before.confidence), rel=1e-4)
    else:
        assert after.probabilities is not None
        assert sum(after.probabilities.values()) == pytest.approx(1)
        assert after.confidence == max(after.probabilities.values()) < 0.6


def test_token_probabilities_stay_the_models_own(raw, halved):
    options = {"answer": Literal["red", "blue"], "logprobs": True}
    before, after = (vlm.ask(SHAPES, ASKED, **options) for vlm in (raw, halved))
    assert [token.logprob for token in after.tokens] == pytest.approx(
        [token.logprob for token in before.tokens], abs=1e-5
    )


def test_min_confidence_judges_the_calibrated_figure_on_every_path(raw, halved):
    wanted = {"answer": Literal["red", "blue"], "min_confidence": 0.8}
    messages = ask_messages(SHAPES, ASKED)

    def results(vlm):
        yield vlm.ask(SHAPES, ASKED, **wanted)
        yield from vlm.batch([messages, messages], **wanted)
        yield list(vlm.stream(messages, **wanted))[-1].result
        yield vlm.extract(RECEIPT, SCHEMA, min_confidence=0.8)

    assert [result.abstained for result in results(raw)] == [False] * 5
    assert [result.abstained for result in results(halved)] == [True] * 5


def test_fields_go_by_their_own_scale(raw, embedded):
    before = raw.extract(RECEIPT, SCHEMA)
    with load(calibration(field=HALF)) as vlm:
        after = vlm.extract(RECEIPT, SCHEMA)
    assert after.calibrated == ("field_confidence",)
    assert after.confidence == pytest.approx(before.confidence, rel=1e-5)
    expected = {name: HALF.scalar(p) for name, p in before.field_confidence.items()}
    assert after.field_confidence == pytest.approx(expected, rel=1e-4)


def test_a_kind_that_is_not_in_the_file_stays_as_it_is(raw, embedded):
    before = raw.ask(SHAPES, ASKED)
    with load(calibration(integer=HALF)) as vlm:
        after = vlm.ask(SHAPES, ASKED)
        count = vlm.ask(SHAPES, "How many circles are there?", answer=int)
    assert (after.confidence, after.calibrated) == (pytest.approx(before.confidence), ())
    assert count.calibrated == ("confidence",)


def test_descriptions_and_transcriptions_stay_as_they_are(raw, halved):
    for task in ("describe", "transcribe"):
        before, after = (getattr(vlm, task)(SHAPES) for vlm in (raw, halved))
        assert (after.confidence, after.calibrated) == (pytest.approx(before.confidence), ())


def test_an_offset_of_yes_and_a_prior_can_change_the_answer_everywhere(raw, embedded):
    before = raw.ask(SHAPES, "Is there a circle?", answer=bool)
    assert before.value is True
    for made in (calibration(yes_no=Scale(offset=-40)), prior_of(yes=-0.0, no=-40.0)):
        with load(made) as vlm:
            after = vlm.ask(SHAPES, "Is there a circle?", answer=bool)
            chunks = list(
                vlm.stream(ask_messages(SHAPES, "Is there a circle?"), answer=bool, task="ask")
            )
        assert (after.value, after.text, after.calibrated) == (False, "no", ("confidence",))
        assert after.probabilities["no"] == after.confidence > 0.99
        assert "".join(chunk.text for chunk in chunks) == "no"


def test_a_cut_answer_keeps_its_zero(halved):
    result = halved.ask(SHAPES, "How many?", answer=float, max_new_tokens=1)
    if "truncated" in result.flags:
        assert result.confidence == 0
    cut = halved.extract(RECEIPT, SCHEMA, max_new_tokens=4)
    assert cut.confidence == 0
    assert not cut.field_confidence
    ended = halved.extract(RECEIPT, SCHEMA, max_new_tokens=4, on_incomplete="complete")
    assert ended.field_confidence["/total"] == 0


def test_a_file_is_taken_by_path_and_through_the_toolbox(tmp_path, embedded):
    path = tmp_path / "c.json"
    calibration(yes_no=HALF).save(path)
    with load(path) as vlm:
        assert vlm.ask(SHAPES, "Is there a circle?", answer=bool).confidence < 0.6
    call = {"image": str(SHAPES), "question": "Is there a circle?", "answer_type": "yes_no"}
    options = {"backend": "onnx", "precision": "fp32", "calibration": path}
    with Toolbox.load("embedded", policy=ImagePolicy(), **options) as toolbox:
        output = toolbox.call("answer_question", {**call, "min_confidence": 0.8})
    assert output.confidence < 0.6
    assert output.abstained


def test_a_calibration_of_something_else_is_refused_before_weights_are_loaded(tmp_path, tiny_onnx):
    path = tmp_path / "c.json"
    calibration(yes_no=HALF).save(path)
    with pytest.raises(BadOptions, match="model 'smolvlm-embedded'"):
        SmolVLM.load(tiny_onnx, backend="onnx", precision="fp32", calibration=path)
    with pytest.raises(BadOptions, match="precision 'fp32', this is 'int8'"):
        SmolVLM.load("embedded", backend="onnx", precision="int8", calibration=path)
    with pytest.raises(BadOptions, match="cannot be read"):
        SmolVLM.load("no/such-model", calibration=tmp_path / "missing.json")
