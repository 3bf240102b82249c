"""With the real weights: `pytest -m hub` on a machine that reaches the hub."""

from __future__ import annotations

import pytest

from smolvlm_tools import SmolVLM, open_checkpoint
from tests.support.conversations import CONVERSATIONS, fill
from tests.support.pictures import noise
from tests.support.transformers_reference import generate

pytestmark = pytest.mark.hub


@pytest.mark.parametrize("alias", ["256m", "500m", "256m-video"])
def test_real_weights_decode_the_tokens_of_transformers(alias):
    checkpoint = open_checkpoint(alias)
    with SmolVLM.load(alias, backend="torch", precision="fp32", device="cpu") as vlm:
        result = vlm.generate(
            fill(CONVERSATIONS["image first"][0], [noise((300, 200))]),
            resolution=1,
            max_new_tokens=16,
            ignore_eos=True,
            logprobs=True,
        )
    assert result.revision == checkpoint.revision
    checkpoint.fetch(["processor_config.json", "chat_template.json"])
    expected = generate(
        checkpoint.folder, CONVERSATIONS["image first"][0], [noise((300, 200))], 16, 1
    )
    assert [token.id for token in result.tokens or ()] == expected


@pytest.mark.parametrize("precision", ["fp32", "int8", "q4", "q4f16"])
def test_the_published_onnx_files_answer(precision):
    with SmolVLM.load("256m", backend="onnx", precision=precision) as vlm:
        reply = vlm.ask("examples/images/shapes.png", "What color is the circle?")
    assert "red" in reply.text.lower()
