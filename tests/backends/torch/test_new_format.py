"""Adding a number format: one class and one line of the registry."""

from __future__ import annotations

import numpy as np
import pytest

from smolvlm_tools import open_checkpoint
from smolvlm_tools.backends.footprint import Setup
from smolvlm_tools.backends.torch.footprint import TorchFootprint
from smolvlm_tools.backends.torch.formats.format import Format, MatrixBytes, Product
from smolvlm_tools.backends.torch.formats.registry import FORMATS
from smolvlm_tools.backends.torch.names import parse_kinds
from smolvlm_tools.export.quantized import quantize_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")


class Toy(Format):
    """A byte per weight, and a float32 scale per output row."""

    def held(self, outputs, inputs, device):
        return MatrixBytes(outputs * inputs, 4 * outputs)

    def workspace(self, product: Product):
        return product.activation_bytes * product.outputs * product.inputs

    def kernels(self):
        return self

    def layout(self, kind, outputs, inputs):
        return {".weight": (torch.int8, (outputs, inputs)), ".scale": (torch.float32, (outputs,))}

    def quantize(self, weight, kind):
        scale = weight.float().abs().amax(1) / 127
        return {
            ".weight": (weight.float() / scale[:, None]).round().to(torch.int8),
            ".scale": scale,
        }

    def matrix(self, stored, kind, shape, bias, activations):
        weight, scale = stored[".weight"], stored[".scale"]

        def multiply(x):
            y = torch.nn.functional.linear(x, weight.to(x.dtype)) * scale.to(x.dtype)
            return y if bias is None else y + bias

        return multiply


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(FORMATS, "toy", Toy())


def scores(folder, precision):
    from smolvlm_tools.backends.torch.backend import TorchBackend

    backend = TorchBackend.load(open_checkpoint(folder), precision, "cpu", None)
    ids = np.arange(20, 60, dtype=np.int64)
    return backend.forward(ids, backend.create_cache(40)), backend.precision


def test_it_loads_and_multiplies(embedded):
    exact, _ = scores(embedded, "bf16")
    found, name = scores(embedded, "toy")
    assert name == "toy"
    assert 0 < np.linalg.norm(found - exact) < 0.1 * np.linalg.norm(exact)


def test_it_is_the_same_once_saved(embedded, tmp_path):
    quantize_checkpoint(open_checkpoint(embedded), tmp_path, "toy")
    np.testing.assert_array_equal(scores(tmp_path, "auto")[0], scores(embedded, "toy")[0])


def test_its_footprint_is_counted(embedded):
    config = open_checkpoint(embedded).config
    new, wide = (
        TorchFootprint(Setup(config, "torch", "cpu", parse_kinds(f"decoder={kind}")))
        for kind in ("toy", "bf16")
    )
    text = config.text
    queries, keys = text.heads * text.head_dim, text.kv_heads * text.head_dim
    layer = text.hidden_size * (2 * queries + 2 * keys + 3 * text.intermediate_size)
    rows = queries + 2 * keys + 2 * text.hidden_size + 2 * text.intermediate_size
    assert wide.weights["decoder"] - new.weights["decoder"] == text.layers * layer
    assert new.metadata == 4 * rows * text.layers
