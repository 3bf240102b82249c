"""Each measure on the cases of its reference implementation."""

from __future__ import annotations

import doctest

import pytest

from smolvlm_tools.quality.evaluate import mathvista, metrics, vqa_words
from smolvlm_tools.quality.evaluate.mathvista import mathvista_match
from smolvlm_tools.quality.evaluate.metrics import (
    anls,
    choice_match,
    contains,
    exact_match,
    find_choice,
    relaxed_accuracy,
    vqa_score,
)
from smolvlm_tools.quality.evaluate.vqa_words import normalise

PIX2STRUCT = [
    *(("abc", "abc"), ("abc", "Abc"), ("Abc", "abc"), ("100%", "96%"), ("100%", "94%")),
    *(("100%", "0.96"), ("100%", "0.94"), ("Don't", "Won't")),
]
"""Predictions and targets of google-research/pix2struct, `metrics_test.py`."""

OPTIONS = {"A": "teddy bear", "B": "rabbit", "C": "cat", "D": "dog"}
"""Those of VLMEvalKit's `multiple_choice.build_prompt`."""


@pytest.mark.parametrize(("metric", "wanted"), [(anls, 47.5), (relaxed_accuracy, 62.5)])
def test_pix2structs_own_cases_give_its_own_scores(metric, wanted):
    scores = [metric(reply, [answer]) for reply, answer in PIX2STRUCT]
    assert 100 * sum(scores) / len(scores) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("reply", "answers", "wanted"),
    [
        ("  Hello   World ", ["hello world"], 1.0),
        ("hello wrld", ["hello world"], 1 - 1 / 11),
        ("nothing alike", ["hello world", "Nothing alike"], 1.0),
        ("abcd", ["ab"], 0.5),  # at the threshold it counts
        ("abcde", ["ab"], 0.0),
        ("", [""], 1.0),
    ],
)
def test_anls_is_the_best_similarity_or_nothing_below_a_half(reply, answers, wanted):
    assert anls(reply, answers) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("reply", "answer", "wanted"),
    [
        *(("105", "100", 1), ("105.1", "100", 0), ("0", "0", 1), ("0.0", "0", 0)),
        *(("Yes ", "yes", 1), ("12%", "12", 0), ("-5", "-5.2", 1), ("1,000", "1000", 0)),
    ],
)
def test_relaxed_accuracy_forgives_five_per_cent_of_numbers_only(reply, answer, wanted):
    assert relaxed_accuracy(reply, [answer]) == wanted


@pytest.mark.parametrize("equal", range(11))
def test_the_vqa_score_leaves_out_each_of_the_ten_answers(equal):
    answers = ["nokia"] * equal + [f"other {n}" for n in range(10 - equal)]
    left = [min(1, (equal - own) / 3) for own in [1] * equal + [0] * (10 - equal)]
    assert vqa_score("Nokia.", answers) == pytest.approx(sum(left) / 10)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("The quick, brown fox!", "quick brown fox"),
        ("Two dogs and a cat", "2 dogs and cat"),
        ("none", "0"),
        ("dont couldntve couldnt've youll", "don't couldntve couldn't've you'll"),
        ("well-known", "well known"),
        ("1,000 and x-ray", "1000 and xray"),  # a number with a comma joins all else too
        ("3.5 m. long.", "3.5 m long"),
        ("somebody'd", "somebodyd"),
        ("lets shes ten\tnine\n", "lets shes 10 9"),
    ],
)
def test_answers_are_made_alike_as_by_the_official_vqa_evaluation(answer, wanted):
    assert normalise(answer) == wanted


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        *(("B", "B"), ("(B)", "B"), ("B. rabbit", "B"), ("Answer: B", "B"), (" B", "B")),
        *(("a cute teddy bear", "A"), ("The Dog.", "D"), ("Spider", None), ("A or B", None)),
        *(("cat and dog", None), ("Z", "Z"), ("Cannot determine the answer", "Z")),
        ("B is what I think that this picture shows to me", None),  # too far from the end
        ("A rabbit", "A"),  # the article counts as the letter, as in VLMEvalKit
    ],
)
def test_a_choice_is_the_letter_or_the_only_option_that_is_named(reply, wanted):
    assert find_choice(reply, OPTIONS) == wanted
    assert choice_match(reply, ["B"], OPTIONS) == (wanted == "B")


def test_a_text_that_is_much_longer_than_the_options_names_none():
    assert find_choice("dog " * 40, {"A": "cat", "B": "dog"}) is None


@pytest.mark.parametrize(
    ("reply", "answers", "formula", "wanted"),
    [
        ("It says CENTRE", ["centre"], False, 1),
        ("cen tre", ["centre"], False, 0),
        ("two\nlines", ["two lines"], False, 1),
        (r"\frac { a } { b }", [r"\frac{a}{b}"], True, 1),
        (r"\FRAC{a}{b}", [r"\frac{a}{b}"], True, 0),
        ("nothing", ["something", "noth"], False, 1),
    ],
)
def test_ocrbench_looks_for_an_answer_in_the_reply(reply, answers, formula, wanted):
    assert contains(reply, answers, formula=formula) == wanted


def test_an_exact_match_looks_at_neither_case_nor_outer_space():
    assert exact_match(" Red ", ["blue", "red"]) == 1
    assert exact_match("red.", ["red"]) == 0


@pytest.mark.parametrize(
    ("reply", "answer", "kind", "wanted"),
    [
        # The first three and the fifth example of VLMEvalKit's `get_gpt4_ICE`.
        ("The number missing in the sequence is 14.", "14", "integer", 1),
        (
            "The fraction of females facing the camera is 0.6, which means that six out of ten "
            "females in the group are facing the camera.",
            "0.6",
            "float",
            1,
        ),
        ("Luca needs $1.45 to buy a sour apple candy.", "1.45", "float", 1),
        ("The correct answer is (B) 8/11.", "B", "multi_choice", 1),
        ("14", "14", "integer", 1),
        ("14.0", "14", "integer", 0),
        ("0.60", "0.6", "float", 1),
        ("between 2007 and 2008", "2007", "integer", 0),
        ("[2007, 2008]", "[2007, 2008]", "list", 1),
        ("Yes", "yes", "text", 1),
    ],
)
def test_mathvista_takes_choices_numbers_and_the_only_number_of_a_sentence(
    reply, answer, kind, wanted
):
    options = {"A": "3/11", "B": "8/11", "C": "6/11", "D": "3/5"}
    assert mathvista_match(reply, [answer], kind, options) == wanted


@pytest.mark.parametrize("module", [metrics, mathvista, vqa_words])
def test_the_examples_in_the_docstrings_hold(module):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
