"""Errors for agents name no path of this machine, but for those that the agent wrote."""

from __future__ import annotations

import pytest

from smolvlm_tools import ModelInvalid, OutOfMemoryBudget
from smolvlm_tools.tools.redact import redact, without_paths


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no file at '/srv/secret/a.png'", "no file at (a path)"),
        ("no file at '/srv/my secret/a.png'", "no file at (a path)"),
        ("in /srv/secret/model.onnx (damaged)", "in (a path) (damaged)"),
        ("see ~/models/x and /a/b.c, too", "see (a path) and (a path), too"),
        (r"at 'C:\Users\me\a.png' or D:\x\y", "at (a path) or (a path)"),
        ("'file:///srv/secret.png' is gone", "(a path) is gone"),
        ("fetching 'https://example.com/a/b.png' failed", None),
        ("1/2 of it, and/or smolvlm://images/0123, img:0123", None),
        ("models/a.png is relative", None),
        ("HuggingFaceTB/SmolVLM-256M-Instruct has no file onnx/model.onnx", None),
    ],
)
def test_paths_are_left_out_and_nothing_else(text, told):
    assert without_paths(text) == (text if told is None else told)


def test_a_path_that_was_sent_may_be_named():
    text = "'/srv/a.png' is outside; see '/srv/b.png'"
    told = "'/srv/a.png' is outside; see (a path)"
    assert without_paths(text, ["/srv/a.png"]) == told
    assert without_paths("'/srv/aaa…' is long", ["/srv/aaaaaaa.png"]) == "'/srv/aaa…' is long"


def test_an_error_keeps_its_kind_and_what_it_knows():
    error = OutOfMemoryBudget("'/srv/x' needs more", "Free /srv/y.", needed_bytes=7)
    told = redact(error)
    assert (told.code, told.needed_bytes) == ("out_of_memory_budget", 7)
    assert str(told) == "(a path) needs more. Free (a path)."
    harmless = ModelInvalid("the weights are damaged", "Fetch them again.")
    assert redact(harmless) is harmless


def test_a_place_in_a_schema_is_no_path_of_this_machine():
    told = "not at #/properties/a/items cannot be enforced"
    assert without_paths(told) == told
