"""A tiny random checkpoint, opened."""

from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend


@pytest.fixture
def checkpoint(tiny_a):
    return open_checkpoint(tiny_a)


@pytest.fixture
def vlm(checkpoint):
    with SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a red circle")) as engine:
        yield engine
