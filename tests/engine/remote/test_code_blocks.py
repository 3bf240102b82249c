"""Code blocks around the answers of servers that enforce nothing."""

from __future__ import annotations

import re
import time

from hypothesis import example, given
from hypothesis import strategies as st

from smolvlm_tools.engine.remote.answers import _code_block

PLAIN = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
"""What a code block is. It takes time by the square of the spaces in it."""


@given(st.text(st.sampled_from("` \n{}1json"), max_size=30))
@example("```json\n{}\n```")
@example(" ```json``` ")
@example("``````")
@example("`````")
@example("```json json ```")
def test_what_stands_in_a_code_block_is_found(said: str) -> None:
    found = PLAIN.fullmatch(said)
    assert _code_block(said) == (found and (found.start(1), found[1]))


def test_a_block_of_very_many_spaces_takes_little_time() -> None:
    began = time.process_time()
    assert _code_block("```" + " " * 1_000_000 + "a") is None
    assert _code_block("```" + " " * 1_000_000 + "```") is not None
    assert time.process_time() - began < 2
