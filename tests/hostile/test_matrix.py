"""Every hostile input through every way into the package.

A person runs the same by `python -m benchmarks.hostile`, which also prints a table.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.hostile.catalogue import SURFACES, catalogue

_NEEDS = {
    "langchain": "langchain_core",
    "llama-index": "llama_index.core",
    "llama-reader": "llama_index.core",
    "mcp-stdio": "mcp",
    "mcp-http": "mcp",
}
_IN_CI = ("cli", "langchain", "llama-index", "mcp-stdio", "mcp-http", "python-urls", "ingest")
_FILES = ("image", "document")
_STEP = 120
"""Each surface takes another share of the cases, one in so many, in CI; the slow tests take all."""


pytestmark = pytest.mark.timeout(900)


def need(surface: str) -> None:
    package = _NEEDS.get(surface)
    if package is not None:
        pytest.importorskip(package, reason=f"{package}, an extra, is not installed")


def test_the_catalogue_holds_what_it_promises():
    kinds = Counter(case.kind for case in catalogue().values())
    assert sum(kinds.values()) >= 300 and set(kinds) >= {
        *("image", "document", "path", "url", "uri", "base64", "prompt", "arguments"),
        *("blocks", "line"),
    }
    for surface in SURFACES.values():
        assert any(surface.takes(case) for case in catalogue().values())


def test_a_share_of_the_cases_is_held_from_python(attacked):
    cases = list(catalogue().values())
    files = [case for case in cases if case.kind in _FILES]
    named = [case for case in cases if case.kind not in _FILES]
    outcomes = attacked("python", [*files[::32], *named[::14]])
    assert len(outcomes) > 50


@pytest.mark.parametrize("surface", _IN_CI)
def test_a_share_of_the_cases_is_held_by_each_surface(attacked, surface):
    need(surface)
    cases = [case for case in catalogue().values() if SURFACES[surface].takes(case)]
    attacked(surface, cases[_IN_CI.index(surface) :: _STEP])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("surface", SURFACES)
def test_every_case_is_held_by_each_surface(attacked, surface):
    need(surface)
    attacked(surface, catalogue().values())
