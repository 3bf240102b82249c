"""No regular expression takes more than linear time on text that somebody else writes."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

_LENGTH = 8_000
_SECONDS = 0.1
"""Of processor time. What is linear takes less than a millisecond, what grows by the square (32
million steps) at least 0.3 s."""

_BEFORE = [
    "",
    "img:a",
    "'/",
    '"',
    "```",
    "1",
    "1-",
    "(cid:",
    "/a",
    "{",
    '{ "answer" : ',
    "a/",
    "a@",
]
_REPEATED = [
    " ", "\n", "a", "0", "A", "=", "/", ".", "-", "~", "`", '"', "'", "\\", '\\"', "/a", "/a.",
    "a.",
    "a ", "(cid:1", "x/", "~/", "stream\r\n", "\r", "#", "ﬁ",
]  # fmt: skip
_AFTER = ["", "!", "b"]

_SOURCES = {
    ".".join(path.relative_to(folder).with_suffix("").parts): path.read_text(encoding="utf-8")
    for folder in (ROOT, ROOT / "integrations")
    for path in folder.glob("*smolvlm*/**/*.py")
}
_MODULES = sorted(name for name, source in _SOURCES.items() if "re.compile(" in source)


@pytest.mark.parametrize("module", _MODULES)
def test_a_pattern_takes_linear_time(module: str) -> None:
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        pytest.skip(f"{module} needs what is not installed: {error}")
    patterns = {
        name: value for name, value in vars(loaded).items() if isinstance(value, re.Pattern)
    }
    for name, pattern in patterns.items():
        searched = any(_searches(name, source) for source in _SOURCES.values())
        slow = next((t for t in _texts() if _seconds(pattern, t, searched) > _SECONDS), None)
        if slow is not None:  # once more, as something else may have taken the time
            taken = min(_seconds(pattern, slow, searched) for _ in range(3))
            assert taken < _SECONDS, (name, pattern.pattern, slow[:20], slow[-5:], taken)


def _texts() -> Iterator[str]:
    for before in _BEFORE:
        for piece in _REPEATED:
            for after in _AFTER:
                yield before + piece * (_LENGTH // len(piece)) + after


def _searches(name: str, source: str) -> bool:
    """Whether a pattern is tried at every place of a text, and not only at its start."""
    return any(f"{name}.{method}(" in source for method in ("search", "finditer", "findall", "sub"))


def _seconds(pattern: re.Pattern, text: str, searched: bool) -> float:
    given = text.encode() if isinstance(pattern.pattern, bytes) else text
    began = time.thread_time()
    for found in (pattern.fullmatch(given), pattern.match(given)):
        assert found is None or found.re is pattern
    for _ in pattern.finditer(given) if searched else ():
        pass
    return time.thread_time() - began
