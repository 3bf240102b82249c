from __future__ import annotations

import dataclasses

import pytest

from smolvlm_tools import BadOptions, ModelNotFound, SmolVLM, open_checkpoint
from smolvlm_tools.backends import choose
from smolvlm_tools.backends.choose import check_names, choose_backend

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
        monkeypatch.setattr(choose, "installed", lambda *names: set(names) <= set(modules))
        monkeypatch.setattr(choose, "has_accelerator", lambda: accelerator)

    be(*ALL)
    return be


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
        (WEIGHTS + FP32, "auto", "mps", "torch"),
        (WEIGHTS + FP32, "auto", "cuda", "torch"),
        (FP32, "auto", "cuda", "onnx"),
        (WEIGHTS + FP32[:2], "auto", "auto", "torch"),
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
    machine("torch", "transformers")
    assert choose_backend(having(WEIGHTS + FP32), "auto", "auto") == "torch"


@pytest.mark.parametrize(
    ("modules", "files", "precision"),
    [
        (("onnxruntime",), WEIGHTS, "auto"),
        (("onnxruntime", "torch"), WEIGHTS, "auto"),
        (("torch", "transformers"), FP32, "auto"),
        (ALL, [], "auto"),
        (ALL, FP32, "int8"),
        (ALL, WEIGHTS + FP32, "q4"),
        (ALL, FP32[:2], "auto"),
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
        ({"backend": "torch", "precision": "int8"}, "int8"),
        ({"backend": "onnx", "precision": "bf16"}, "bf16"),
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


@pytest.mark.parametrize("backend", ["onnx", "auto"])
def test_the_files_decide_what_is_loaded(tiny_onnx, backend):
    with SmolVLM.load(tiny_onnx, backend=backend) as vlm:
        assert "backend='onnx', precision='fp32'" in repr(vlm)


def test_an_explicit_backend_is_never_replaced(tiny_onnx, tiny_a):
    with pytest.raises(ModelNotFound, match="safetensors"):
        SmolVLM.load(tiny_onnx, backend="torch")
    with pytest.raises(ModelNotFound, match="ONNX"):
        SmolVLM.load(tiny_a, backend="onnx")


def test_the_embedded_checkpoint_runs_on_onnx_in_its_most_exact_precision(embedded):
    from smolvlm_tools.backends.onnx_files import available_precisions

    files = open_checkpoint(embedded).files
    with SmolVLM.load(embedded, backend="onnx") as vlm:
        assert f"precision={available_precisions(files)[0]!r}" in repr(vlm)
