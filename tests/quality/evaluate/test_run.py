"""Asking and scoring: on the embedded checkpoint, and on scripted ones."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.constraints import regex
from smolvlm_tools.errors import BadOptions, Closed
from smolvlm_tools.quality.evaluate import (
    BENCHMARKS,
    DataWish,
    EvaluationOptions,
    EvaluationReport,
    evaluate,
    open_data,
    write_report,
)
from smolvlm_tools.quality.evaluate.report import bootstrap
from smolvlm_tools.quality.evaluate.run import choose
from smolvlm_tools.quality.evaluate.tasks import published_score
from tests.support.benchmark_files import write_table
from tests.support.evaluating import QUESTIONS, labels, replies
from tests.support.paths import SHAPES


def test_the_replies_are_those_of_ask_however_many_are_decoded_together(vlm, mine, tmp_path):
    alone = [vlm.ask(SHAPES, question).text for question, _ in QUESTIONS]
    for together in (1, 4):
        out = tmp_path / f"out{together}"
        report = evaluate(vlm, mine, EvaluationOptions(concurrency=together), out=out)
        assert list(replies(out).values()) == alone
        right = [said.lower() == wanted for said, (_, wanted) in zip(alone, QUESTIONS, strict=True)]
        assert report.score == pytest.approx(100 * np.mean(right))


def test_the_reply_to_a_benchmark_is_that_of_ask_in_its_words(vlm, tmp_path):
    data = open_data(DataWish("ocrbench", data=str(write_table(tmp_path, "ocrbench"))))
    report = evaluate(vlm, data, EvaluationOptions(resolution="auto"), out=tmp_path / "out")
    question = "what is written in the image?\nGive a very brief answer."
    assert replies(tmp_path / "out") == {0: vlm.ask(SHAPES, question).text}
    assert (report.points, report.resolution, report.published) == (1000, "auto", None)


def test_the_reply_to_a_choice_is_that_of_ask_held_to_begin_with_answer(vlm, tmp_path):
    data = open_data(DataWish("mmstar", data=str(write_table(tmp_path, "mmstar"))))
    report = evaluate(vlm, data, EvaluationOptions(resolution="auto"), out=tmp_path / "out")
    question = "Question: What is it?\nChoices:\nA. cat\nB. dog\nC. cow\nAnswer with the letter."
    asked = vlm.ask(SHAPES, question, answer=regex("Answer:[^\\x00]*"))
    assert replies(tmp_path / "out") == {0: asked.text}
    assert asked.text.startswith("Answer:") and report.errors == 0


def test_only_choices_among_mathvistas_questions_are_held_to_a_beginning(vlm, tmp_path):
    data = open_data(DataWish("mathvista", data=str(write_table(tmp_path, "mathvista"))))
    evaluate(vlm, data, EvaluationOptions(resolution="auto"), out=tmp_path / "out")
    choice, number = replies(tmp_path / "out").values()
    assert choice.startswith("Answer:") and not number.startswith("Answer:")


@pytest.mark.parametrize("task", BENCHMARKS)
def test_every_benchmark_runs_from_its_table_to_its_report(task, vlm, tmp_path):
    data = open_data(DataWish(task, data=str(write_table(tmp_path, task))))
    options = EvaluationOptions(resolution="auto", max_new_tokens=8)
    report = evaluate(vlm, data, options)
    assert report.samples == len(data.source) and report.errors == 0
    assert 0 <= report.interval.low <= report.score <= report.interval.high <= 100
    write_report(report, tmp_path / "out", data)
    again = EvaluationReport.model_validate_json((tmp_path / "out" / "report.json").read_text())
    assert again == report
    text = (tmp_path / "out" / "report.md").read_text()
    assert text.startswith(f"# {task}: ") and report.data_digest in text
    for name in ("report.png", *(["worst.png"] if report.worst else [])):
        assert min(Image.open(tmp_path / "out" / name).size) > 50


def test_replies_share_steps_up_to_the_concurrency(scripted, tmp_path):
    engine, backend = scripted
    lines = [{"image": "shapes.png", "question": f"{n}?", "answer": "red"} for n in range(12)]
    evaluate(engine, labels(tmp_path, lines), EvaluationOptions(concurrency=3))
    assert max(backend.together) in (2, 3)


def test_a_queue_that_is_smaller_than_the_concurrency_is_waited_for(tiny_a, tmp_path):
    checkpoint = open_checkpoint(tiny_a)
    lines = [{"image": "shapes.png", "question": f"{n}?", "answer": "red"} for n in range(9)]
    backend = FakeBackend.saying(checkpoint, "red")
    with SmolVLM(checkpoint, backend, max_queue=1, batch_size=1) as engine:
        options = EvaluationOptions(concurrency=8)
        assert evaluate(engine, labels(tmp_path, lines), options).score == 100


def test_a_sample_that_cannot_be_asked_counts_as_0_and_is_named(scripted, tmp_path):
    engine, _ = scripted
    (tmp_path / "broken.png").write_text("no image")
    lines = [
        {"image": "shapes.png", "question": "?", "answer": "red"},
        {"image": "missing.png", "question": "?", "answer": "red", "id": "lost"},
        {"image": "broken.png", "question": "?", "answer": "red"},
        {"image": "shapes.png", "question": "word " * 9000, "answer": "red"},
    ]
    path = labels(tmp_path, lines)
    report = evaluate(engine, path)
    assert (report.samples, report.errors, report.score) == (4, 3, 25)
    codes = [each.error.partition(":")[0] for each in report.failures]
    assert codes == ["image_not_found", "unsupported_format", "bad_prompt"]
    assert report.failures[0].id == "lost"
    write_report(report, tmp_path / "out", open_data(DataWish(str(path))))
    text = (tmp_path / "out" / "report.md").read_text()
    assert "3 samples could not be asked about and count as 0" in text and "lost" in text
    assert "4 samples are few" in text


def test_base64_that_is_broken_is_such_a_sample(scripted, tmp_path):
    engine, _ = scripted
    path = write_table(tmp_path, "ocrbench")
    path.write_text(path.read_text().replace("iVBOR", "!!!!!", 1))
    report = evaluate(engine, DataWish("ocrbench", data=str(path)))
    assert report.failures[0].error.startswith("bad_encoding") and report.score == 0


def test_a_failure_of_the_engine_ends_the_run_and_is_no_score(scripted, mine, tmp_path):
    engine, _ = scripted
    engine.close()
    with pytest.raises(Closed):
        evaluate(engine, mine, out=tmp_path / "out")
    assert replies(tmp_path / "out") == {}


# Choosing


def test_the_seed_draws_the_samples():
    assert choose(5, None, 0) == choose(5, 9, 0) == [0, 1, 2, 3, 4]
    drawn = choose(1000, 20, 3)
    assert drawn == choose(1000, 20, 3) == sorted(set(drawn)) and len(drawn) == 20
    assert drawn != choose(1000, 20, 4)


def test_a_limit_asks_so_many_and_says_of_how_many(scripted, mine):
    report = evaluate(scripted[0], mine, EvaluationOptions(limit=2, seed=1))
    assert (report.samples, report.available) == (2, 6)


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"seed": -1}, {"concurrency": 0}, {"max_new_tokens": 0}, {"resolution": 0}],
)
def test_options_that_make_no_sense_are_refused(options, scripted, mine):
    with pytest.raises(BadOptions):
        evaluate(scripted[0], mine, EvaluationOptions(**options))


# Intervals


def test_the_interval_is_that_of_a_binomial_where_it_is_large():
    found = bootstrap([1.0] * 300 + [0.0] * 700, seed=5)
    error = 1.96 * (0.3 * 0.7 / 1000) ** 0.5
    assert found.low == pytest.approx(0.3 - error, abs=0.004)
    assert found.high == pytest.approx(0.3 + error, abs=0.004)
    assert found == bootstrap([1.0] * 300 + [0.0] * 700, seed=5)


def test_categories_have_their_own_scores(vlm, mine):
    report = evaluate(vlm, mine)
    assert {each.name: each.samples for each in report.categories} == {
        **{"How": 1, "Is": 2, "What": 3}
    }
    whole = sum(each.score * each.samples for each in report.categories) / 6
    assert whole == pytest.approx(report.score)


def test_the_card_is_quoted_for_its_own_checkpoints_only():
    assert published_score("HuggingFaceTB/SmolVLM-256M-Instruct", "docvqa") == 58.3
    assert published_score("HuggingFaceTB/SmolVLM-500M-Instruct", "mathvista") == 40.1
    assert published_score("HuggingFaceTB/SmolVLM-Instruct", "ocrbench") == 65.5
    assert published_score("HuggingFaceTB/SmolVLM2-2.2B-Instruct", "chartqa") == 68.84
    assert published_score("HuggingFaceTB/SmolVLM-256M-Instruct", "labels.jsonl") is None
    assert published_score("HuggingFaceTB/SmolVLM-256M-Instruct+mine", "docvqa") is None
    assert published_score("smolvlm-embedded", "docvqa") is None
