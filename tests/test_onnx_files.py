"""Choosing ONNX files by precision."""

from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_tools.backends.onnx_files import (
    COMPONENTS,
    PRECISIONS,
    available_precisions,
    choose_precision,
    component_file,
    needed_files,
)
from smolvlm_tools.errors import BadOptions, ModelNotFound


def files_of(*precisions: str) -> frozenset[str]:
    return frozenset(component_file(c, p) for c in COMPONENTS for p in precisions)


def test_every_precision_of_the_hub_listing_is_known(reference: Path) -> None:
    listing = (reference / "SmolVLM-256M-Instruct" / "hub_files.txt").read_text()
    names = frozenset(line.split()[0] for line in listing.splitlines() if line.strip())
    assert available_precisions(names) == PRECISIONS


def test_auto_takes_the_most_exact_precision_present() -> None:
    assert choose_precision(files_of("q4", "int8", "fp16"), "auto", "x") == "fp16"
    assert choose_precision(files_of("q4"), "auto", "x") == "q4"


def test_a_precision_with_a_component_missing_does_not_count() -> None:
    files = files_of("fp32", "int8") - {component_file("embed_tokens", "fp32")}
    assert available_precisions(files) == ("int8",)


def test_an_absent_precision_names_those_present_and_the_export_command() -> None:
    with pytest.raises(ModelNotFound) as caught:
        choose_precision(files_of("fp32", "q4"), "int8", "models/x")
    assert "fp32, q4" in str(caught.value)
    assert "smolvlm export" in str(caught.value) and "--precision int8" in str(caught.value)


def test_an_absent_precision_that_export_cannot_write_is_not_offered() -> None:
    with pytest.raises(ModelNotFound) as caught:
        choose_precision(files_of("fp32", "q4"), "bnb4", "models/x")
    assert "Choose fp32 or q4." in str(caught.value)
    assert "export" not in str(caught.value)


def test_a_folder_without_onnx_files_says_how_to_make_them() -> None:
    with pytest.raises(ModelNotFound, match=r"smolvlm export .* --precision fp32"):
        choose_precision(frozenset({"config.json"}), "auto", "models/x")


def test_an_unknown_precision_names_the_known_ones() -> None:
    with pytest.raises(BadOptions, match=r"int3.*auto, fp32, fp16, int8"):
        choose_precision(files_of("fp32"), "int3", "models/x")


def test_data_files_are_fetched_with_their_graphs_only() -> None:
    data = {"onnx/decoder_model_merged.onnx_data", "onnx/decoder_model_merged_q4.onnx_data"}
    files = files_of("fp32", "q4") | data
    assert "onnx/decoder_model_merged.onnx_data" in needed_files(files, "fp32")
    assert "onnx/decoder_model_merged_q4.onnx_data" not in needed_files(files, "fp32")
    assert len(needed_files(files, "q4")) == 4
