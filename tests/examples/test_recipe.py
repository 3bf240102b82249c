"""What the embedded model is taught about print: true answers, in the product's own wording."""

from __future__ import annotations

import json
import random
import sys

import pytest

from benchmarks.paths import ROOT

sys.path.append(str(ROOT / "examples" / "embedded_model"))  # scripts, not a package

from held_out import form, schema_of, wanted_fields
from questions import ask_in_json, ask_scene_fields
from questions_print import (
    ABSENT,
    TITLE_KEYS,
    ask_fields,
    ask_value,
    fields_of,
    parse_value,
    title_of,
)
from render import Picture, render_scene, render_text
from texts import KEYS, NUMBER_KEYS, pair_of, sample_form

from smolvlm_tools.prompt.tasks import extract_messages


def printed(*lines: str) -> Picture:
    return render_text(random.Random(0), "page", list(lines))


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("Total: 12.50", ("total", "12.50")),
        ("TABLE 7", ("table", "7")),
        ("Date 2027-10-07", ("date", "2027-10-07")),
        ("Total: about 12", None),
        ("Room 007", None),  # no JSON number
        ("Coffee 7.50", None),
        ("Total", None),
    ],
)
def test_a_key_and_its_value_are_told_from_other_lines(line, pair):
    assert pair_of(line) == pair


def test_a_value_is_asked_for_only_where_it_is_printed_once():
    receipt = printed("CAFE LUNA", "Tax 1.00", "Tax 2.00", "Total: 12.50")
    assert fields_of(receipt) == {"total": "12.50"}
    assert title_of(receipt) == "CAFE LUNA"
    for seed in range(40):
        turn = ask_value(random.Random(seed), receipt)
        for_title = any(key in turn.question for key in TITLE_KEYS)
        assert turn.answer == ("CAFE LUNA" if for_title else "12.50")
    assert ask_value(random.Random(0), printed("Hello there")) is None


def test_fields_are_asked_as_extract_asks_and_answered_in_json():
    rng = random.Random(1)
    for _ in range(60):
        picture = render_text(rng, "page", sample_form(rng, 24, 4))
        turn = ask_fields(rng, picture)
        if turn is None:
            continue
        answers = json.loads(turn.answer)
        names = {key: {} for key in answers}
        if "(" not in turn.question:
            (message,) = extract_messages("x.png", {"type": "object", "properties": names})
            assert turn.question == message.content[-1].text
        fields = fields_of(picture)
        for key, value in answers.items():
            if value is None:
                assert key in KEYS and key not in fields
            elif key in fields:
                assert value == parse_value(key, fields[key])
                assert isinstance(value, str) == (key not in NUMBER_KEYS)
            else:
                assert key in TITLE_KEYS and value == title_of(picture)
    assert json.loads(ABSENT) is None


def test_scenes_are_asked_in_json_too():
    rng = random.Random(3)
    for _ in range(60):
        picture = render_scene(rng, (200, 200))
        for turn in (ask_in_json(rng, picture), ask_scene_fields(rng, picture)):
            if turn is None:
                continue
            assert turn.question.endswith("Answer in JSON.")
            for key, value in json.loads(turn.answer).items():
                if "Read these fields" in turn.question and key == "count":
                    assert value == len(picture.shapes)
                if key.endswith("color"):
                    assert value in {shape.colour for shape in picture.shapes}


def test_held_out_forms_have_schemas_that_their_own_answers_fit():
    import jsonschema

    rng = random.Random(2)
    for _ in range(30):
        picture = form(rng)
        wanted = wanted_fields(rng, picture)
        assert wanted
        jsonschema.validate(wanted, schema_of(wanted))
