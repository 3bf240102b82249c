from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from tests.support.evaluating import Watched, labels


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load(embedded, backend="onnx", precision="fp32") as engine:
        yield engine


@pytest.fixture
def mine(tmp_path):
    return labels(tmp_path / "mine")


@pytest.fixture
def scripted(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    backend = Watched.saying(checkpoint, " red")
    with SmolVLM(checkpoint, backend) as engine:
        yield engine, backend
