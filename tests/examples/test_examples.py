"""Every example asserts what it shows; here they run as a user would run them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

EXAMPLES = [
    "langgraph_agent.py",
    "llama_index_rag.py",
    "mcp_client.py",
    "openai_tools.py",
    "typed_answers.py",
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_what_it_asserts_holds(name, embedded):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_no_example_is_left_out():
    """make_images.py draws what the others look at; checkpoint_tour.py has a test of its own."""
    others = {"make_images.py", "checkpoint_tour.py"}
    assert {path.name for path in (ROOT / "examples").glob("*.py")} - others == set(EXAMPLES)
