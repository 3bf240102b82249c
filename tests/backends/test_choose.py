from __future__ import annotations

import dataclasses

import pytest

from smolvlm_tools import BadOptions, ModelNotFound, SmolVLM, open_checkpoint
from smolvlm_tools.backends.choose import check_names, choose_backend
from smolvlm_tools.backends.torch import spec
from smolvlm_tools.machine import packages

COMPONENTS = ("vision_encoder", "embed_tokens", "decoder_model_merged")
WEIGHTS = ["model.safetensors"]
FP32 = [f"onnx/{name}.onnx" for name in COMPONENTS]
INT8 = [f"onnx/{name}_int8.onnx" for name in COMPONENTS]
ALL = ("torch", "transformers", "onnxruntime")


@pytest.fixture
def having(tiny_a):
    """The checkpoint with other files listed."""
    checkpoint = open_checkpoint(tiny_a)
    return lambda files: dataclasses.replace(checkpoint, files=frozenset(files))


@pytest.fixture
def machine(monkeypatch):
    """Set what is installed and whether there is an accelerator."""

    def be(*modules, accelerator=False):
        monkeypatch.setattr(packages, "installed", lambda *names: set(names) <= set(modules))
        monkeypatch.setattr(spec, "accelerator", lambda: "cuda" if accelerator else None)

    be(*ALL)
    return be


Q4_DECODER = [*FP32, "onnx/decoder_model_merged_q4.onnx"]


@pytest.mark.parametrize(
    ("files", "precision", "device", "chosen"),
    [
        (FP32, "auto", "auto", "onnx"),
        (INT8, "auto", "auto", "onnx"),
        (INT8, "int8", "auto", "onnx"),
        (WEIGHTS, "auto", "auto", "torch"),
        (WEIGHTS + FP32, "auto", "auto", "onnx"),
        (WEIGHTS + FP32, "fp32", "cpu", "onnx"),
        (WEIGHTS + FP32, "bf16", "auto", "torch"),
        (WEIGHTS + FP32, "fp16", "auto", "torch"),
        (WEIGHTS + INT8, "fp32", "auto", "torch"),
        (WEIGHTS + INT8, "int8", "auto", "onnx"),
        (WEIGHTS + FP32, "q4", "auto", "torch"),
        (WEIGHTS + FP32, "auto", "mps", "torch"),
        (WEIGHTS + FP32, "auto", "cuda", "torch"),
        (FP32, "auto", "cuda", "onnx"),
        (WEIGHTS + FP32[:2], "auto", "auto", "torch"),
        (FP32[:1] + INT8[1:], "auto", "auto", "onnx"),
        (WEIGHTS + Q4_DECODER, {"decoder": "q4"}, "auto", "onnx"),
        (WEIGHTS + Q4_DECODER, "vision=fp32,decoder=q4", "auto", "onnx"),
        (WEIGHTS + FP32, "vision=fp32,decoder=q4", "auto", "torch"),
        (WEIGHTS + FP32, "bnb-nf4", "auto", "torch"),
        (WEIGHTS + FP32, {"decoder": "torchao-int8"}, "auto", "torch"),
        (WEIGHTS + FP32, "decoder=bnb-nf4,lm_head=bnb-int8", "cuda", "torch"),
    ],
)
def test_auto_takes_the_fastest_backend_that_has_its_files(
    having, machine, files, precision, device, chosen
):
    assert choose_backend(having(files), precision, device) == chosen


def test_auto_takes_torch_on_an_accelerator(having, machine):
    machine(*ALL, accelerator=True)
    assert choose_backend(having(WEIGHTS + FP32), "auto", "auto") == "torch"
    assert choose_backend(having(WEIGHTS + FP32), "auto", "cpu") == "onnx"
    assert choose_backend(having(INT8), "auto", "auto") == "onnx"


def test_auto_takes_what_is_installed(having, machine):
    machine("onnxruntime")
    assert choose_backend(having(WEIGHTS + FP32), "auto", "auto") == "onnx"
    machine("torch")
    assert choose_backend(having(WEIGHTS + FP32), "auto", "auto") == "torch"
    machine(*ALL, "openvino")
    assert choose_backend(having(WEIGHTS + FP32), "auto", "auto") == "onnx"  # in fp32 it is slower
    assert choose_backend(having(FP32), "auto", "cuda") == "onnx"


@pytest.mark.parametrize(
    ("modules", "files", "precision"),
    [
        (("onnxruntime",), WEIGHTS, "auto"),
        (("torch", "transformers"), FP32, "auto"),
        (ALL, [], "auto"),
        (ALL, FP32, "int8"),
        (ALL, WEIGHTS + FP32, "q4f16"),
        (ALL, FP32[:2], "auto"),
        (ALL, WEIGHTS + FP32, "embed=q4"),
        (ALL, FP32, "decoder=q4"),
        (ALL, FP32, "bnb-nf4"),
        ((), WEIGHTS + FP32, "auto"),
    ],
)
def test_where_nothing_can_run_it_the_error_says_how_to_export(
    having, machine, modules, files, precision
):
    machine(*modules)
    checkpoint = having(files)
    with pytest.raises(ModelNotFound) as caught:
        choose_backend(checkpoint, precision, "auto")
    assert checkpoint.id in caught.value.reason
    assert "smolvlm export" in caught.value.remedy
    if precision != "auto":
        assert precision in caught.value.reason


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ({"backend": "tensorflow"}, "tensorflow"),
        ({"backend": "fake"}, "fake"),
        ({"precision": "fp33"}, "fp33"),
        ({"precision": ""}, "''"),
        ({"device": "tpu"}, "tpu"),
        ({"device": "cpu:0"}, "cpu:0"),
        ({"device": "cuda:x"}, "cuda:x"),
        ({"device": "cuda:"}, "cuda:"),
        ({"threads": 0}, "0"),
        ({"backend": "torch", "precision": "q4f16"}, "q4f16"),
        ({"backend": "onnx", "precision": "bf16"}, "bf16"),
        ({"backend": "openvino", "precision": "bf16"}, "bf16"),
        ({"backend": "torch", "precision": "embed=q4"}, "embed"),
        ({"backend": "torch", "precision": {"decoder": "q4f16"}}, "q4f16"),
        ({"backend": "onnx", "precision": "bnb-nf4"}, "bnb-nf4"),
        ({"backend": "onnx", "precision": "lm_head=bf16"}, "lm_head"),
        ({"backend": "openvino", "precision": "decoder=quanto-int8"}, "quanto-int8"),
        ({"precision": "vision=bf16,embed=int8"}, "bf16"),
        ({"precision": "tower=int8"}, "tower"),
        ({"precision": {"vision": "fp33"}}, "fp33"),
    ],
)
def test_names_that_do_not_exist_are_refused_before_anything_is_fetched(choice, named):
    with pytest.raises(BadOptions) as caught:
        check_names(**choice)
    assert named in caught.value.reason and "Use" in caught.value.remedy
    with pytest.raises(BadOptions):
        SmolVLM.load("no/such-model", **choice)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12", "mps"])
def test_names_that_exist_are_accepted(device):
    check_names("auto", "auto", device, 1)
    check_names("onnx", "q4f16", device)
    check_names("torch", "bf16", device)
    check_names("torch", "vision=bf16,decoder=bnb-nf4", device)
    check_names("auto", {"decoder": "quanto-float8"}, device)
    check_names("onnx", {"vision": "int8", "decoder": "q4"}, device)
    check_names("auto", "vision=int8,decoder=q4", device)


@pytest.mark.parametrize("backend", ["onnx", "auto"])
def test_the_files_decide_what_is_loaded(tiny_onnx, machine, backend):
    with SmolVLM.load(tiny_onnx, backend=backend) as vlm:
        assert "backend='onnx', precision='fp32'" in repr(vlm)


def test_an_explicit_backend_is_never_replaced(tiny_onnx, tiny_a):
    with pytest.raises(ModelNotFound, match="safetensors"):
        SmolVLM.load(tiny_onnx, backend="torch")
    with pytest.raises(ModelNotFound, match="ONNX"):
        SmolVLM.load(tiny_a, backend="onnx")


def test_the_embedded_checkpoint_runs_in_int8_and_in_what_is_asked(embedded):
    with SmolVLM.load(embedded, backend="onnx") as vlm:
        assert "precision='int8'" in repr(vlm)
    with SmolVLM.load(embedded, backend="onnx", precision="decoder=fp32") as vlm:
        assert "precision='vision=int8,embed=int8,decoder=fp32'" in repr(vlm)
    with SmolVLM.load(embedded, backend="onnx", precision={"vision": "fp32"}) as vlm:
        assert "precision='vision=fp32,embed=int8,decoder=int8'" in repr(vlm)
