"""One server for all tests that only ask, and the engine that its answers are held against."""

from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM
from tests.support.serve_servers import served

ENGINE = {"backend": "onnx", "precision": "int8"}


@pytest.fixture(scope="session")
def url():
    """The real command, in a process of its own."""
    with served("--backend", ENGINE["backend"], "--precision", ENGINE["precision"]) as address:
        yield address


@pytest.fixture(scope="session")
def vlm():
    """What the server runs, in this process."""
    with SmolVLM.load("embedded", **ENGINE) as engine:
        yield engine
