"""What a person looks at after a run: the log, the curve, and answers before and after."""

from __future__ import annotations

import importlib.util
import json
import math

import pytest
from PIL import Image, ImageFont

from smolvlm_tools import SmolVLM
from smolvlm_tools.errors import BackendUnavailable
from smolvlm_tools.finetune.records import StepRecord
from smolvlm_tools.finetune.report.answers import answer, choose, expected
from smolvlm_tools.finetune.report.board import Board
from smolvlm_tools.finetune.report.curve import draw_curve, round_step, smoothed
from smolvlm_tools.finetune.report.log import StepLog, read_log
from smolvlm_tools.finetune.report.picture import draw_samples, wrapped
from smolvlm_tools.finetune.report.result import Answered, Report
from smolvlm_tools.finetune.report.scores import score_answers
from smolvlm_tools.finetune.report.writing import markdown, shown, write_curve, write_report
from smolvlm_tools.finetune.samples import Sample
from smolvlm_tools.types import ImagePart, Message, TextPart
from tests.support.paths import SHAPES


def record(step, loss=1.0, held_out=None):
    return StepRecord(step, loss, 1e-4, 100, 0.5, 1.0, held_out)


def answered(before, after, wanted="Red.", place="t.jsonl:1"):
    return Answered(place, str(SHAPES), "What colour is it?", wanted, before, after)


def sample(question, answer, place="t.jsonl:1"):
    asked = (ImagePart(image=str(SHAPES)), TextPart(text=question))
    told = (TextPart(text=answer),)
    return Sample(
        (Message(role="user", content=asked), Message(role="assistant", content=told)), place
    )


# The log


def test_every_step_is_a_line(tmp_path):
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        log(record(1))
        assert json.loads(path.read_text())["step"] == 1  # at once, not at the end
        log(record(2, held_out=0.5))
    assert read_log(path) == [record(1), record(2, held_out=0.5)]


def test_steps_that_are_repeated_after_a_kill_stand_there_once(tmp_path):
    path = tmp_path / "log.jsonl"
    with StepLog(path) as log:
        for step in range(1, 6):
            log(record(step))
    with path.open("a") as file:
        file.write('{"step": 6, "lo')  # killed while it wrote
    with StepLog(path) as log:
        log(record(4, loss=9.0))
    assert [(each.step, each.loss) for each in read_log(path)] == [(1, 1), (2, 1), (3, 1), (4, 9)]


def test_a_new_run_begins_a_new_log(tmp_path):
    path = tmp_path / "log.jsonl"
    for loss in (1.0, 2.0):
        with StepLog(path) as log:
            log(record(1, loss))
    assert read_log(path) == [record(1, 2.0)]


@pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is not None, reason="tensorboard is installed"
)
def test_tensorboard_that_is_missing_is_named(tmp_path):
    with pytest.raises(BackendUnavailable, match="pip install tensorboard"):
        Board(tmp_path)


# The curve


def test_the_curve_shows_training_and_held_out_loss_in_different_colours(tmp_path):
    records = [record(at, 3 / at, 2 / at if at % 5 == 0 else None) for at in range(1, 40)]
    write_curve(tmp_path, records, before=3.5)
    image = Image.open(tmp_path / "loss.png").convert("RGB")
    assert image.size == (960, 540)
    colours = {colour for _, colour in image.getcolors(100_000)}
    assert {(31, 90, 170), (210, 80, 20)} <= colours


@pytest.mark.parametrize(
    "losses", [[], [(1, 2.0)], [(1, math.nan), (2, math.inf)], [(1, 0.0), (2, 0.0)], [(1, 1e9)]]
)
def test_a_curve_of_little_or_of_nonsense_is_drawn_all_the_same(losses):
    assert draw_curve(losses, []).size == (960, 540)


def test_marks_are_round_numbers():
    assert [round_step(each) for each in (0.013, 0.3, 1, 7, 180)] == [0.02, 0.5, 1, 10, 200]


def test_smoothing_keeps_what_is_even():
    assert smoothed([(at, 2.0) for at in range(100)]) == [(at, 2.0) for at in range(100)]


# Scores


def test_answers_that_differ_by_case_space_or_full_stop_are_exact():
    assert score_answers([("red", "Red."), (" 4  50 ", "4 50"), ("blue", "Red.")]).exact == 2 / 3
    assert score_answers([]).exact == 0


def test_near_answers_count_in_part_and_far_ones_not_at_all():
    assert score_answers([("2024-03-05", "2024-03-06.")]).anls == pytest.approx(0.9)
    assert score_answers([("blue", "red"), ("", "")]).anls == 0.5


# Answers


def test_the_same_samples_are_chosen_for_the_same_seed():
    samples = [sample("?", "x", f"t.jsonl:{at}") for at in range(50)]
    assert choose(samples, 8, 1) == choose(samples, 8, 1) != choose(samples, 8, 2)
    assert choose(samples, 99) == samples


def test_answers_are_those_of_the_engine(embedded):
    samples = [sample("What color is the circle?", "red")] * 9
    told = []
    with SmolVLM.load(embedded, backend="torch") as vlm:
        found = answer(vlm, samples, on_answer=lambda done, total: told.append((done, total)))
        alone = vlm.ask(SHAPES, "What color is the circle?").text
    assert found == [alone.strip()] * 9
    assert told == [(8, 9), (9, 9)]
    assert expected(samples[0]) == "red"


# The report


def report(**given) -> Report:
    answers = (answered("blue", "red"), answered("red", "green"), answered("red", "red"))
    fields = {
        **{"model": "embedded", "data": "t.jsonl", "samples": 90, "held_out_samples": 10},
        **{"steps": 7, "seconds": 90.0, "held_out_loss": (2.0, 0.5), "answers": answers},
    }
    return Report(**{**fields, **given})


def test_a_report_has_figures_before_and_after_answers_and_pictures(tmp_path):
    write_report(tmp_path, report(notes=("3 left out",), settings={"rank": 8}))
    page = (tmp_path / "report.md").read_text()
    assert "| loss, nats a token (lower is better) | 2.000 | 0.500 |" in page
    assert "| exactly right, of 3 answers | 0.667 | 0.667 |" in page
    assert "1 gained, 1 lost, 1 right, 0 wrong" in page
    assert "- 3 left out" in page and '"rank": 8' in page
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["scores"]["after"]["exact"] == pytest.approx(2 / 3)
    assert found["answers"][0]["before"] == "blue"
    picture = Image.open(tmp_path / "samples.png")
    assert picture.width == 960 and picture.height > 600


def test_without_held_out_samples_the_report_says_that_nothing_was_measured(tmp_path):
    write_report(tmp_path, report(answers=(), held_out_loss=None, held_out_samples=0))
    assert "Nothing was held apart" in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "samples.png").exists()


def test_what_a_model_says_is_no_markdown():
    rude = answered("| a | b |\n# head", "<b>[x](http://y)</b>")
    page = markdown(report(answers=(rude,)))
    assert r"\| a \| b \| # head" in page and r"\<b\>\[x\](http://y)\</b\>" in page


def test_what_was_lost_is_shown_first_and_each_kind_gets_room():
    many = [answered("blue", "blue") for _ in range(30)]
    few = shown((*many, answered("red", "blue"), answered("blue", "red")))
    assert [each.change for each in few[:3]] == ["lost", "gained", "wrong"]
    assert len(few) == 12


def test_a_long_answer_is_cut_in_the_picture_and_a_missing_image_is_grey(tmp_path):
    font = ImageFont.load_default(15)
    lines = wrapped("word " * 400 + "x" * 400, font, 200)
    assert len(lines) == 4 and lines[-1].endswith("…")
    gone = Answered("t:1", str(tmp_path / "gone.png"), "?", "a", "b", "c")
    assert draw_samples([gone, Answered("t:2", None, "?", "a", "", "c")]).width == 960
