"""Scripted engines for the tests of LlamaIndex's adapters; a plugin of theirs."""

from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from tests.support.llama_index_scenes import Counting


@pytest.fixture
def counting(embedded):
    """A counting backend and an engine over it."""
    checkpoint = open_checkpoint(embedded)
    backend = Counting.saying(checkpoint, " a shape")
    with SmolVLM(checkpoint, backend) as vlm:
        yield backend, vlm
        backend.gate.release(100_000)


@pytest.fixture
def talking(embedded):
    """A backend that talks without end behind a shut gate, and an engine over it."""
    checkpoint = open_checkpoint(embedded)
    backend = Counting(checkpoint.config, [5])
    backend.shut()
    with SmolVLM(checkpoint, backend, batch_size=1) as vlm:
        yield backend, vlm
        backend.gate.release(100_000)
