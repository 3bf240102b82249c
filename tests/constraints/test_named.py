from __future__ import annotations

import pytest

from smolvlm_tools import constraints
from smolvlm_tools.errors import BadOptions


def test_a_kind_of_answer_has_one_name_with_either_mark():
    assert constraints.named("yes-no") == constraints.named("yes_no") == constraints.yes_no()
    assert constraints.named("list") == constraints.lines()


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(BadOptions, match="yes-no, integer, number, date, list"):
        constraints.named("colour")
