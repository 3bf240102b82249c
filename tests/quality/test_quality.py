"""The arithmetic of `smolvlm quality`: divergences, scores, tasks, bounds."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from smolvlm_tools.errors import BadOptions
from smolvlm_tools.quality.divergence import Comparison, relative_error
from smolvlm_tools.quality.metrics import edits, loss, score
from smolvlm_tools.quality.report import Bounds, all_broken, can_read
from smolvlm_tools.quality.scripts import BY_TOKEN, IMAGE_ANSWERS, spread
from smolvlm_tools.quality.tasks import SHIPPED, TaskScore, read_tasks, score_tasks
from tests.support.paths import ROOT

LINE = {"image": "a.png", "task": "ask", "question": "?", "answer": "4", "metric": "exact"}


def logits(row: list[float]) -> np.ndarray:
    """Logits whose softmax is `row`, shifted so that only differences count."""
    return np.log(np.array(row, dtype=np.float32)) + np.float32(7)


def compare(reference, model, next_ids):
    comparison = Comparison()
    for p, q, token in zip(reference, model, next_ids, strict=True):
        comparison.add(p, q, token)
    return comparison.result()


def test_perplexity_is_the_inverse_geometric_mean_of_the_likelihoods():
    rows = [logits([0.5, 0.5]), logits([0.125, 0.875])]
    assert compare(rows, rows, [0, 0]).perplexity == pytest.approx(4)


def test_divergence_of_known_distributions_is_the_textbook_value():
    reference = [logits([0.5, 0.5]), logits([0.75, 0.25])]
    model = [logits([0.5, 0.5]), logits([0.25, 0.75])]
    found = compare(reference, model, [0, 0])
    assert found.max_kl == pytest.approx(0.5 * math.log(3), rel=1e-5)
    assert found.mean_kl == pytest.approx(0.25 * math.log(3), rel=1e-5)
    assert found.p95_kl == pytest.approx(0.95 * found.max_kl, rel=1e-5)
    assert found.same_top == 0.5
    assert found.perplexity_rise == pytest.approx(math.sqrt(3) - 1, rel=1e-5)
    assert found.logit_error == pytest.approx(2)


def test_a_model_does_not_diverge_from_itself_nor_from_itself_shifted():
    rows = np.random.default_rng(0).normal(0, 40, (5, 300)).astype(np.float32)
    same = compare(rows, rows, range(5))
    assert (same.mean_kl, same.perplexity_rise, same.same_top, same.logit_error) == (0, 0, 1, 0)
    shifted = compare(rows, rows + np.float32(64), range(5))
    assert shifted.logit_error < 1e-5
    assert shifted.max_kl < 1e-3


def test_the_relative_error_of_twice_the_values_is_one():
    rows = np.ones((2, 3), np.float32)
    assert relative_error(rows, 2 * rows) == pytest.approx(1)


def test_exact_counts_replies_that_are_the_answer():
    assert score("exact", [("red", "red"), ("Red", "red")]) == 0.5


def test_f1_counts_words_or_what_a_pattern_matches():
    pairs = [("a red cat", "a blue cat"), ("", "")]
    assert score("f1", pairs) == pytest.approx(2 / 3)
    assert score("f1", pairs, "red|blue") == 0
    assert score("f1", [("no", "no")], "red|blue") == 1, "nothing to say, and nothing said"


def test_cer_charges_a_reply_at_most_what_an_empty_one_costs():
    assert edits("kitten", "sitting") == 3
    assert score("cer", [("abcx", "abcd"), ("", "1234")]) == pytest.approx(5 / 8)
    assert score("cer", [("x" * 500, "abcd")]) == 1


def test_a_loss_is_positive_where_the_model_is_worse():
    assert loss("exact", 0.9, 0.8) == pytest.approx(0.1)
    assert loss("cer", 0.1, 0.2) == pytest.approx(0.1)


def write(folder, *lines):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "tasks.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_tasks_are_scored_kind_by_kind(tmp_path):
    other = {"image": "b.png", "task": "describe", "answer": "a b", "metric": "f1"}
    samples = read_tasks(write(tmp_path, LINE, other, {**LINE, "answer": "5"}))
    ask, told = score_tasks(samples, ["4", "a b", "5"], ["4", "a c", "6"])
    assert ask == TaskScore("ask", "exact", 2, score=0.5, reference=1.0, loss=0.5)
    assert (told.task, told.score, told.loss) == ("describe", 0.5, 0.5)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "Invalid JSON"),
        ('["a"]', "should be an object"),
        ({**LINE, "answer": 4}, "answer: Input should be a valid string"),
        ({"image": "a.png", "task": "ask", "metric": "exact"}, "answer: Field required"),
        ({**LINE, "level": "hard"}, "level: Extra inputs"),
        ({**LINE, "task": "sing"}, "'sing'"),
        ({**LINE, "metric": "bleu"}, "'bleu'"),
        ({**LINE, "question": " "}, "needs a question"),
        ({**LINE, "metric": "cer", "answer": ""}, "empty answer"),
        ({**LINE, "pattern": "("}, "not a regular expression"),
    ],
)
def test_a_line_that_is_no_task_is_named_with_its_number(tmp_path, line, problem):
    with pytest.raises(BadOptions) as caught:
        read_tasks(write(tmp_path, LINE, "", line))
    assert "line 3" in caught.value.reason
    assert problem in caught.value.reason


def test_a_folder_without_tasks_is_refused(tmp_path):
    with pytest.raises(BadOptions, match="cannot be read"):
        read_tasks(tmp_path)
    with pytest.raises(BadOptions, match="has no tasks"):
        read_tasks(write(tmp_path, ""))


def test_the_shipped_tasks_are_small_and_whole():
    samples = read_tasks(SHIPPED)
    assert all(sample.image.is_file() for sample in samples)
    assert {sample.task for sample in samples} == {"ask", "describe", "transcribe"}
    assert len({sample.image for sample in samples}) >= 60
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 450_000


def test_image_prompts_are_spread_evenly_over_the_tasks():
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread(range(3), 8) == [0, 1, 2]
    assert spread(range(3), 1) == [0]


def test_each_bound_that_is_broken_is_named_with_both_numbers():
    count = 256
    found = compare([logits([0.5, 0.5])] * count, [logits([0.2, 0.8])] * count, [0] * count)
    tasks = [
        TaskScore("ask", "exact", samples=50, score=0.86, reference=0.9, loss=0.04),
        TaskScore("describe", "f1", samples=200, score=0.86, reference=0.9, loss=0.04),
    ]
    texts = {BY_TOKEN: found, IMAGE_ANSWERS: found}
    broken = all_broken(texts, tasks, Bounds())
    assert [(each.where, each.what) for each in broken] == [
        (BY_TOKEN, "mean KL"),
        (BY_TOKEN, "perplexity rise"),
        (IMAGE_ANSWERS, "mean KL"),
        ("describe, f1", "loss"),
    ]
    assert (broken[3].found, broken[3].bound) == (0.04, 0.02)
    assert not all_broken(texts, tasks, Bounds(kl=1, perplexity=2, task_loss=0.05))


def test_a_passage_that_the_reference_cannot_read_is_not_judged():
    found = compare([logits([0.9, 0.1])], [logits([0.8, 0.2])], [1])
    assert found.reference_perplexity == pytest.approx(10)
    assert not can_read(found, vocabulary=2)
    assert can_read(found, vocabulary=11)


def test_the_script_that_made_the_shipped_tasks_writes_a_folder_that_is_read(tmp_path):
    script = ROOT / "examples/embedded_model/task_set.py"
    numbers = ("--scenes", "4", "--described", "2", "--prints", "1", "--forms", "1")
    done = subprocess.run(
        [sys.executable, script, tmp_path, *numbers], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    tasks = [sample.task for sample in read_tasks(tmp_path)]
    assert tasks == ["ask", "describe", "ask", "describe", "ask", "ask", "transcribe", "ask"]


def test_the_perplexity_of_few_positions_is_not_judged():
    few = compare([logits([0.5, 0.5])] * 255, [logits([0.49, 0.51])] * 255, [0] * 255)
    assert few.perplexity_rise > 0.02
    assert not all_broken({BY_TOKEN: few}, [], Bounds())
