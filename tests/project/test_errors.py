from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

import smolvlm_tools.errors as errors
from smolvlm_tools import (
    InputError,
    ModelError,
    SmolVLMError,
)
from tests.support.situations import SITUATIONS

TREE = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, SmolVLMError)
}
BASES = {"SmolVLMError", "InputError", "ModelError"}
"""Classes to catch by; `InputError` and `SmolVLMError` themselves are never raised."""


@pytest.fixture
def here(tmp_path, tiny_a, monkeypatch):
    """What the situations below happen to."""
    return SimpleNamespace(folder=tmp_path, model=tiny_a, patch=monkeypatch)


@pytest.mark.parametrize(
    ("kind", "situation"), SITUATIONS, ids=[situation.__name__ for _, situation in SITUATIONS]
)
def test_a_situation_has_its_own_error_with_reason_and_remedy(here, kind, situation):
    with pytest.raises(SmolVLMError) as caught:
        situation(here)
    error = caught.value
    assert type(error) is kind
    assert error.reason and error.remedy and error.remedy.endswith((".", "?", "`"))
    assert str(error) == f"{error.reason.rstrip('.')}. {error.remedy}"
    assert str(error).isprintable(), "one line"
    assert str(here.folder.parent) not in error.remedy


def test_the_situations_cover_the_whole_tree():
    assert set(TREE.values()) - {kind for kind, _ in SITUATIONS} == {SmolVLMError, InputError}
    assert BASES <= set(TREE)


def test_every_kind_has_a_code_of_its_own():
    codes = [kind.code for kind in TREE.values()]
    assert len(set(codes)) == len(codes)
    assert all(code.isidentifier() and code == code.lower() for code in codes)
    assert all("code" in vars(kind) for kind in TREE.values()), "none is inherited"


def test_the_tree_has_two_branches_for_the_two_exit_codes():
    inputs = {name for name, kind in TREE.items() if issubclass(kind, InputError)}
    models = {name for name, kind in TREE.items() if issubclass(kind, ModelError)}
    assert not inputs & models
    others = {"SmolVLMError", "IncompleteAnswer", "Busy", "Cancelled", "Closed"}
    assert set(TREE) - inputs - models == others


def test_an_error_is_one_line_whatever_it_is_made_of():
    error = SmolVLMError("a\nvery\r\n  long\treason.", "do\n\nthis")
    assert str(error) == "a very long reason. do this"
    assert str(SmolVLMError("alone")) == "alone"
