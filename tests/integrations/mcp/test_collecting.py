"""The server sets aside what stays, so that a garbage collection is short."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from smolvlm_mcp import collecting
from smolvlm_mcp.observing import CallRecord

RECORD = CallRecord("describe_image", "ok", began=0.0, seconds=0.1, stages={})


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_was_set_aside_is_not_looked_at_again() -> None:
    kept: list[Any] = [[] for _ in range(1000)]
    collecting.set_aside()
    assert not {id(each) for each in kept} & {id(each) for each in gc.get_objects()}
    assert gc.get_freeze_count() > 1000


def test_it_is_done_once_more_when_the_engine_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(collecting, "set_aside", lambda: calls.append(None))
    toolbox: Any = SimpleNamespace(loaded=None)
    observe = collecting.after_loading(toolbox)
    observe(RECORD)  # such as a call with an unknown image: nothing was loaded
    assert not calls
    toolbox.loaded = object()
    observe(RECORD)
    observe(RECORD)
    assert len(calls) == 1
