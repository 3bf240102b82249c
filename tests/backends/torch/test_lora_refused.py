"""LoRA adapters that do not fit, are damaged or cannot be merged are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smolvlm_tools.checkpoint import find_adapter
from smolvlm_tools.errors import ModelInvalid, ModelNotFound
from tests.support.checkpoints import build_tiny_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytest.importorskip("peft", reason="peft is not installed")

from tests.support.lora import change_config, change_tensors_of, load, train  # noqa: E402

A = "base_model.model.model.text_model.layers.0.self_attn.q_proj.lora_A.weight"
B = A.replace("lora_A", "lora_B")
MAGNITUDE = A.replace("lora_A.weight", "lora_magnitude_vector")
STRANGE = A.replace("layers.0", "layers.99")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop(A), "no lora_A"),
        (lambda t: t.pop(B), "no lora_B"),
        (lambda t: t.update({A: torch.zeros(5, 64)}), r"\(5, 64\).*\(4, 64\)"),
        (lambda t: t.update({A: torch.zeros(4, 65)}), r"\(4, 65\)"),
        (lambda t: t.update({B: torch.zeros(32, 4)}), r"\(32, 4\)"),
        (lambda t: t.update({B: t[B].to(torch.int32)}), "I32"),
        (lambda t: t.update({B: t[B] * float("nan")}), "NaN"),
        (lambda t: t.update({STRANGE: t[A]}), r"layers\.99.*lacks"),
        (lambda t: t.update({MAGNITUDE: torch.ones(64)}), "use_dora"),
        (lambda t: t.update({A + ".extra": t[A]}), "unknown tensor"),
        (lambda t: t.update({"word": t[A]}), "unknown tensor"),
        (lambda t: t.update({A.replace("lora_A.weight", "bias"): t[A][0]}), r"bias.*lacks"),
        (lambda t: t.update({A.replace("base_model.model.", ""): t[A]}), "has both"),
        (lambda t: t.update({"base_model.model.lm_head.weight": torch.ones(400, 64)}), "400"),
        (lambda t: t.clear(), "no tensors"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tiny_a: Path, copy: Path, change: Callable[[dict[str, Any]], object], named: str
) -> None:
    change_tensors_of(copy / "adapter_model.safetensors", change)
    with pytest.raises(ModelInvalid, match=named) as caught:
        load(tiny_a, copy)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"peft_type": None}, "peft_type"),
        ({"r": 0}, "r = 0"),
        ({"r": "4"}, "r = '4'"),
        ({"r": 5}, r"\(4, 64\).*\(5, 64\)"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"rank_pattern": [1]}, "rank_pattern"),
        ({"rank_pattern": {"q_proj": "2"}}, "rank_pattern"),
        ({"rank_pattern": {"*": 2}}, "pattern"),
        ({"rank_pattern": {r"(\w+\.?)+x": 2}}, "it repeats groups"),
        ({"alpha_pattern": {".*.*.*.*x": 2}}, "it repeats groups, or too much"),
        ({"use_dora": True}, "lora_magnitude_vector"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa"),
        ({"init_lora_weights": "loftq"}, "loftq"),
        ({"alora_invocation_tokens": [1, 2]}, "alora"),
        ({"trainable_token_indices": "x"}, "trainable_token_indices"),
    ],
)
def test_configurations_that_cannot_be_merged_are_refused(
    tiny_a: Path, copy: Path, changes: dict[str, Any], named: str
) -> None:
    change_config(copy, **changes)
    with pytest.raises(ModelInvalid, match=named) as caught:
        load(tiny_a, copy)
    assert caught.value.remedy


def test_token_rows_outside_the_table_are_refused(tiny_a: Path, tmp_path: Path) -> None:
    adapter = train(tiny_a, tmp_path, target_modules=["o_proj"], trainable_token_indices=[21])
    for rows in ([40000], []):
        change_config(adapter, trainable_token_indices=rows)
        with pytest.raises(ModelInvalid, match="embed_tokens"):
            load(tiny_a, adapter)


def test_an_adapter_of_another_model_is_refused(
    plain: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = build_tiny_checkpoint(tmp_path_factory.mktemp("other"), "b")
    with pytest.raises(ModelInvalid, match="adapter") as caught:
        load(other, plain)
    assert "base_model_name_or_path" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"LORA"', "{} {}"])
def test_damaged_configurations_are_refused(tiny_a: Path, copy: Path, text: str) -> None:
    (copy / "adapter_config.json").write_text(text)
    with pytest.raises(ModelInvalid):
        load(tiny_a, copy)


@pytest.mark.parametrize("left", [0, 7, 100, -1])
def test_truncated_tensors_are_refused(tiny_a: Path, copy: Path, left: int) -> None:
    path = copy / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ModelInvalid, match="adapter_model"):
        load(tiny_a, copy)


def test_missing_files_are_named_and_a_pickle_is_never_read(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no adapter folder"):
        find_adapter(tmp_path / "nothing")
    with pytest.raises(ModelNotFound, match=r"no adapter_config\.json"):
        find_adapter(tmp_path)
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    with pytest.raises(ModelNotFound, match="pickle"):
        find_adapter(copy)
    with pytest.raises(ModelNotFound, match="no adapter"):
        find_adapter(3)  # pyright: ignore[reportArgumentType]
