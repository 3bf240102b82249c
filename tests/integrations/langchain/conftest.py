"""Chat models over a scripted engine and over the embedded model.

LangChain is imported inside the fixture: without it the test modules skip themselves.
"""

from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from tests.support.gated import (
    GatedBackend,
)


@pytest.fixture
def scripted(tiny_a):
    """An engine that says nine words, and its backend."""
    checkpoint = open_checkpoint(tiny_a)
    backend = GatedBackend.saying(checkpoint, " one two three four five six seven eight nine")
    backend.open()
    with SmolVLM(checkpoint, backend) as vlm:
        yield vlm, backend
        backend.open()


@pytest.fixture
def scripted_small(tiny_a):
    """A model whose engine holds one request and queues one; its backend's gate is shut."""
    from langchain_smolvlm import ChatSmolVLM

    checkpoint = open_checkpoint(tiny_a)
    backend = GatedBackend.saying(checkpoint, " one two three")
    with SmolVLM(checkpoint, backend, max_queue=1, batch_size=1) as vlm:
        yield ChatSmolVLM(engine=vlm), backend
        backend.open()


@pytest.fixture(scope="module")
def chat(embedded):
    from langchain_smolvlm import ChatSmolVLM

    model = ChatSmolVLM(model=embedded)
    yield model
    model.close()
