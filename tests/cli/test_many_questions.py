"""`ask --questions FILE` and `ask --rating SCALE`."""

from __future__ import annotations

import json

import pytest

from tests.support.paths import RECEIPT, SHAPES

EMBEDDED = ("--model", "embedded")
QUESTIONS = {
    "color": "What color is the circle?",
    "red": {"question": "Is there a red circle?", "answer": "yes-no"},
    "pick": {"question": "What color is the circle?", "choices": ["green", "red"]},
    "size": {"question": "How many shapes are there?", "rating": [1, 5]},
    "mood": {"question": "How is it?", "rating": ["poor", "good"]},
    "worth": {"question": "How is it?", "rating": {"poor": 10, "good": 20}},
    "fields": {
        "question": "What is drawn?",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
    "unsure": {"question": "Is the square large?", "answer": "yes-no", "min_confidence": 1.0},
}


@pytest.fixture
def ask(smolvlm, tmp_path):
    """Run `ask` on an image with a file of questions."""

    def run(questions, *more, images=(SHAPES,)):
        path = tmp_path / "questions.json"
        path.write_text(questions if isinstance(questions, str) else json.dumps(questions))
        return smolvlm("ask", *images, "--questions", path, *more, *EMBEDDED)

    return run


def test_every_answer_is_a_line_with_its_name_and_its_confidence_on_stderr(ask):
    done = ask(QUESTIONS, "--on-incomplete", "abstain")
    assert done.code == 0, done.err
    lines = dict(line.partition(":")[::2] for line in done.out.splitlines())
    assert list(lines) == list(QUESTIONS)
    assert (lines["color"], lines["red"], lines["pick"]) == (" red", " yes", " red")
    assert 1 <= float(lines["size"]) <= 5
    assert 1 <= float(lines["mood"]) <= 2 and 10 <= float(lines["worth"]) <= 20
    assert isinstance(json.loads(lines["fields"])["n"], int)
    assert lines["unsure"] == ""
    assert "unsure: the answer is withheld" in done.err
    assert all(f"{name}: confidence " in done.err for name in QUESTIONS)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_answer_without_a_value_ends_with_the_code_for_it(ask, more):
    done = ask(QUESTIONS, *more)
    assert done.code == 6
    assert "error: unsure: the answer is withheld, because its confidence is only" in done.err
    assert "color" in done.out and ("unsure" in done.out) == bool(more)
    assert ask({"color": QUESTIONS["color"]}, *more).code == 0
    assert ask({"cut": "What is drawn?"}, *more, "--max-new-tokens", "1").code == 0  # free text
    cut = ask({"fields": QUESTIONS["fields"]}, *more, "--max-new-tokens", "1")
    assert cut.code == 6 and "error: fields: the answer is cut" in cut.err


def test_json_is_an_object_of_results_by_name(ask):
    entry = json.loads(ask(QUESTIONS, "--json").out)
    assert list(entry) == ["image", "page", "pages", "answers"]
    assert (entry["image"], entry["page"], entry["pages"]) == (str(SHAPES), 1, 1)
    told = entry["answers"]
    assert list(told) == list(QUESTIONS)
    assert told["red"]["value"] is True
    assert list(told["size"]["probabilities"]) == list("12345")
    shares = told["worth"]["probabilities"]
    assert told["worth"]["value"] == pytest.approx(10 * shares["poor"] + 20 * shares["good"])
    read = [
        each["usage"]["prompt_tokens"] - each["usage"]["cached_tokens"] for each in told.values()
    ]
    assert sum(count > 60 for count in read) == 1, "the image is read once"


def test_several_images_and_a_broken_one(ask, tmp_path):
    (tmp_path / "broken.png").write_text("no image")
    names = {"error": "What is this?", "image": "What color is the circle?"}
    images = (SHAPES, tmp_path / "broken.png", SHAPES)
    done = ask(names, "--json", images=images)
    first, broken, last = json.loads(done.out)
    assert first["answers"]["image"]["text"] == last["answers"]["image"]["text"] == "red"
    assert [each["image"] for each in (first, broken, last)] == [*map(str, images)]
    assert broken["error"]["code"] == "unsupported_format"
    assert done.code != 0
    assert ask(names, images=(SHAPES,)).code == 0
    assert ask(names, images=(SHAPES, SHAPES)).out.count("shapes.png:\n") == 2


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "holds a list"),
        ({}, "has no questions"),
        ({"a": 5}, "question 'a' is a int"),
        ({"a": " "}, "question 'a': the question is empty"),
        ({"a": {"answer": "date"}}, "question 'a' has no field question"),
        ({"a": {"question": "What?", "anser": "date"}}, "'a' has unknown fields anser"),
        ({"a": {"question": "What?", "answer": "colour"}}, "'a': unknown kind of answer 'colour'"),
        ({"a": {"question": "What?", "answer": "date", "rating": [1, 5]}}, "answer and rating"),
        ({"a": {"question": "What?", "rating": [5, 1]}}, "'a': a rating from 5 to 1"),
        ({"a": {"question": "What?", "rating": [1, 2, 3]}}, "'a': the rating [1, 2, 3] is not"),
        ({"a": {"question": "What?", "rating": "1-5"}}, "'a': rating '1-5' is not a list"),
        ({"a": {"question": "What?", "rating": []}}, "'a': a rating of 0 levels"),
        ({"a": {"question": "What?", "choices": []}}, "'a': there is nothing to choose from"),
        ({"a": {"question": "What?", "schema": [1]}}, "'a': the schema is a list"),
        ({"a": {"question": "What?", "min_confidence": 2}}, """'a': "min_confidence" 2 is not"""),
    ],
)
def test_a_file_that_does_not_do_is_a_usage_error_that_names_the_question(ask, questions, said):
    done = ask(questions)
    assert done.code in (2, 3) and not done.out
    assert said in done.err


def test_either_a_question_or_a_file_of_them(smolvlm, ask, tmp_path):
    both = ask(QUESTIONS, images=(SHAPES, "What is this?"))
    assert (
        both.code == 2 and "'What is this?' is not a file, and a QUESTION does not go" in both.err
    )
    neither = smolvlm("ask", SHAPES, *EMBEDDED)
    assert neither.code == 2 and "QUESTION is missing" in neither.err
    nothing = smolvlm("ask", *EMBEDDED)
    assert nothing.code == 2 and "IMAGE is missing" in nothing.err
    assert "IMAGE is missing" in ask(QUESTIONS, images=()).err
    kind = ask(QUESTIONS, "--answer", "date")
    assert kind.code == 2 and "--answer does not go with --questions" in kind.err
    streamed = ask(QUESTIONS, "--stream")
    assert streamed.code == 2 and "--stream" in streamed.err
    for more in ((RECEIPT,), ("http://example.org/a.png",), ("-",)):  # no question at the end
        image = smolvlm("ask", SHAPES, *more, *EMBEDDED)
        assert image.code == 2 and f"QUESTION is missing; '{more[0]}' is an image" in image.err
    lost = smolvlm("ask", SHAPES, "missing.png", *EMBEDDED)
    assert lost.code == 2
    assert "QUESTION is missing; 'missing.png' is an image that is not there" in lost.err
    alone = smolvlm("ask", "What is it?", *EMBEDDED)
    assert alone.code == 2 and "IMAGE is missing; 'What is it?' is not a file" in alone.err
    empty = smolvlm("ask", SHAPES, "-q", *EMBEDDED)
    assert empty.code == 2 and "--question has no text, but the option '--model'" in empty.err
    option = ("-q", "What color is the circle?")
    lost = smolvlm("ask", SHAPES, "missing.png", *option, *EMBEDDED)
    assert lost.code == 3 and "no file at 'missing.png'" in lost.err and "red" in lost.out
    assert smolvlm("ask", SHAPES, *option, *EMBEDDED).out == "red\n"
    assert smolvlm("ask", SHAPES, SHAPES, *option, *EMBEDDED).out.count("red\n") == 2
    twice = smolvlm("ask", SHAPES, "What is it?", *option, *EMBEDDED)
    assert twice.code == 2 and "the question is given by --question" in twice.err
    beside = ask(QUESTIONS, *option)
    assert beside.code == 2 and "--question does not go with --questions" in beside.err
    gone = smolvlm("ask", SHAPES, "--questions", tmp_path / "none.json", *EMBEDDED)
    assert gone.code == 2 and "cannot be read" in gone.err


@pytest.mark.parametrize(
    ("scale", "low", "high"), [("1-5", 1, 5), ("-2-2", -2, 2), ("bad, good", 1, 2)]
)
def test_a_rating_tells_the_expected_level(smolvlm, scale, low, high):
    asked = ("ask", SHAPES, "How many shapes are there?", "--rating", scale, *EMBEDDED)
    done = smolvlm(*asked)
    assert done.code == 0 and "expected level " in done.err
    told = json.loads(smolvlm(*asked, "--json").out)
    assert low <= told["value"] <= high and told["text"] == done.out.strip()


@pytest.mark.parametrize("scale", ["5-1", "good", "1-100", "", "1-"])
def test_what_is_no_scale_is_a_usage_error(smolvlm, scale):
    done = smolvlm("ask", SHAPES, "How many?", "--rating", scale, *EMBEDDED)
    assert done.code == 2 and not done.out


def test_one_kind_of_answer_at_a_time(smolvlm):
    kinds = ("--answer", "date", "--rating", "1-5")
    done = smolvlm("ask", SHAPES, "How many?", *kinds, *EMBEDDED)
    assert done.code == 2 and "--answer and --rating exclude each other" in done.err
