"""Scripted engines, and a reader and a chat model over the embedded one.

LlamaIndex is imported inside the fixtures: without it the test modules skip themselves.
"""

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


@pytest.fixture(scope="module")
def reader(embedded):
    from llama_index.readers.smolvlm import SmolVLMImageReader

    made = SmolVLMImageReader(model=embedded, mode="caption")
    yield made
    made.close()


@pytest.fixture(scope="module")
def llm(embedded):
    from llama_index.llms.smolvlm import SmolVLMLLM

    made = SmolVLMLLM(model=embedded)
    yield made
    made.close()
