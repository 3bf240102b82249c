"""A real engine and a toolbox over it."""

from __future__ import annotations

import pytest

from smolvlm_tools import (
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.tools import Toolbox


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load("embedded", backend="onnx", precision="fp32") as vlm:
        yield vlm


@pytest.fixture
def toolbox(vlm):
    """Its images are those of the test alone."""
    return Toolbox(vlm)


@pytest.fixture(scope="module")
def checkpoint(embedded):
    return open_checkpoint("embedded")
