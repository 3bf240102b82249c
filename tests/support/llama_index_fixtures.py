"""Scripted engines for the tests of LlamaIndex's adapters; a plugin of theirs."""

from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from tests.support.gated import GatedBackend


@pytest.fixture
def counting(embedded):
    """A counting backend whose gate is open, and an engine over it."""
    checkpoint = open_checkpoint(embedded)
    backend = GatedBackend.saying(checkpoint, " a shape")
    backend.open()
    with SmolVLM(checkpoint, backend) as vlm:
        yield backend, vlm
        backend.open()


@pytest.fixture
def talking(embedded):
    """A backend that talks without end behind a shut gate, and an engine over it."""
    checkpoint = open_checkpoint(embedded)
    backend = GatedBackend(checkpoint.config)
    with SmolVLM(checkpoint, backend, batch_size=1) as vlm:
        yield backend, vlm
        backend.open()
