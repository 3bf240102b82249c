"""The model's own confidence of each of its lines."""

from __future__ import annotations

import math

import pytest

from smolvlm_tools.engine.crosscheck.certainty import line_confidences
from smolvlm_tools.types import Token


def tokens(*pairs: tuple[str, float]) -> list[Token]:
    return [Token(id=0, text=text, logprob=math.log(p)) for text, p in pairs]


def test_each_line_has_the_mean_of_its_own_tokens():
    said = tokens((" one", 0.9), (" two", 0.4), ("\n", 1), ("three", 0.5), ("<end>", 0.5))
    found = line_confidences(said, ["one two", "three"], 0.1)
    assert found == pytest.approx([(0.9 * 0.4) ** (1 / 3), 0.5])


def test_empty_lines_and_lines_before_the_text_are_counted_out():
    said = tokens(("\n", 1), ("a", 0.5), ("\n\n", 0.5), ("b", 0.2))
    assert line_confidences(said, ["a", "", "b"], 0.1) == pytest.approx([0.5, 0.1, 0.2])


@pytest.mark.parametrize("said", [None, tokens(('["a", "b"]', 0.5))])
def test_where_it_cannot_be_told_it_is_that_of_the_whole(said):
    assert line_confidences(said, ["a", "b"], 0.7) == [0.7, 0.7]
