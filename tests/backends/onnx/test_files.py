"""Choosing ONNX files by precision, for all components or each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smolvlm_tools import open_checkpoint
from smolvlm_tools.backends.onnx.files import (
    COMPONENTS,
    PARTS,
    PRECISIONS,
    available_precisions,
    component_file,
    needed_files,
)
from smolvlm_tools.backends.onnx.plan import (
    choose_plan,
    describe_plan,
    int8_vision_is_exact,
    parse_precision,
)
from smolvlm_tools.errors import BadOptions, ModelNotFound
from smolvlm_tools.machine.cpu import CpuFeatures
from tests.support import cpus


def files_of(*precisions: str) -> frozenset[str]:
    return frozenset(component_file(c, p) for c in COMPONENTS for p in precisions)


def test_every_precision_of_the_hub_listing_is_known(reference: Path) -> None:
    listing = (reference / "SmolVLM-256M-Instruct" / "hub_files.txt").read_text()
    names = frozenset(line.split()[0] for line in listing.splitlines() if line.strip())
    assert available_precisions(names) == PRECISIONS


def plan_of(precision: str) -> dict[str, str]:
    return dict.fromkeys(PARTS, precision)


def test_auto_takes_int8_else_the_most_exact_file_of_each_component() -> None:
    assert choose_plan(files_of("fp32", "q4", "int8"), "auto", "x") == plan_of("int8")
    assert choose_plan(files_of("q4", "fp16"), "auto", "x") == plan_of("fp16")
    assert choose_plan(files_of("q4"), "auto", "x") == plan_of("q4")
    files = files_of("fp32", "int8") - {component_file("decoder_model_merged", "int8")}
    assert choose_plan(files, "auto", "x") == plan_of("int8") | {"decoder": "fp32"}


def test_auto_leaves_an_int8_vision_file_that_this_cpu_would_saturate() -> None:
    def trusted(name: str) -> bool:
        assert name == component_file("vision_encoder", "int8")
        return False

    files = files_of("fp32", "int8")
    assert choose_plan(files, "auto", "x", trusted) == plan_of("int8") | {"vision": "fp32"}
    assert choose_plan(files, "int8", "x", trusted) == plan_of("int8")  # who asks for it gets it
    with pytest.raises(ModelNotFound, match="40 %"):
        choose_plan(files_of("int8"), "auto", "x", trusted)


@pytest.mark.parametrize(
    "asked",
    [
        {"vision": "int8", "decoder": "q4"},
        "vision=int8,decoder=q4",
        " decoder = q4 , vision = int8 ",
        {"vision": "int8", "decoder": "q4", "embed": "auto"},
    ],
)
def test_each_component_can_have_a_precision_of_its_own(asked: Any) -> None:
    plan = choose_plan(files_of("fp32", "int8", "q4"), asked, "x")
    assert plan == {"vision": "int8", "embed": "int8", "decoder": "q4"}
    assert describe_plan(plan) == "vision=int8,embed=int8,decoder=q4"
    assert parse_precision(describe_plan(plan)) == plan


def test_a_plan_of_one_precision_is_called_by_its_name() -> None:
    assert describe_plan(choose_plan(files_of("q4"), {"decoder": "q4"}, "x")) == "q4"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("int3", "int3"),
        ("", "''"),
        ("vision=int3", "int3"),
        ({"decoder": "bf16"}, "bf16"),
        ({"audio": "int8"}, "audio"),
        ("tower=int8", "tower"),
        ("vision=int8,vision=q4", "twice"),
        ("vision=int8,", "''"),
        ("vision=", "''"),
        ({"vision": None}, "None"),
    ],
)
def test_unknown_components_and_precisions_are_refused(asked: Any, named: str) -> None:
    with pytest.raises(BadOptions) as caught:
        parse_precision(asked)
    assert named in caught.value.reason and "Use" in caught.value.remedy


def test_a_component_that_lacks_its_precision_says_what_it_has() -> None:
    files = files_of("fp32", "int8") | {component_file("vision_encoder", "q4")}
    with pytest.raises(ModelNotFound, match=r"no q4 decoder file \(it has fp32, int8\).*export"):
        choose_plan(files, {"decoder": "q4"}, "models/x")


def test_a_precision_with_a_component_missing_does_not_count() -> None:
    files = files_of("fp32", "int8") - {component_file("embed_tokens", "fp32")}
    assert available_precisions(files) == ("int8",)
    with pytest.raises(ModelNotFound, match="no fp32 ONNX files"):
        choose_plan(files, "fp32", "x")


def test_an_absent_precision_names_those_present_and_the_export_command() -> None:
    with pytest.raises(ModelNotFound) as caught:
        choose_plan(files_of("fp32", "q4"), "int8", "models/x")
    assert "fp32, q4" in str(caught.value)
    assert "smolvlm export" in str(caught.value) and "--precision int8" in str(caught.value)


def test_an_absent_precision_that_export_cannot_write_is_not_offered() -> None:
    with pytest.raises(ModelNotFound) as caught:
        choose_plan(files_of("fp32", "q4"), "bnb4", "models/x")
    assert "Choose fp32 or q4." in str(caught.value)
    assert "export" not in str(caught.value)


def test_a_folder_without_onnx_files_says_how_to_make_them() -> None:
    with pytest.raises(ModelNotFound, match=r"smolvlm export .* --precision fp32"):
        choose_plan(frozenset({"config.json"}), "auto", "models/x")


def test_an_unknown_precision_names_the_known_ones() -> None:
    with pytest.raises(BadOptions, match=r"int3.*auto, fp32, fp16, int8"):
        choose_plan(files_of("fp32"), "int3", "models/x")


def test_the_chosen_plan_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        choose_plan(files_of("int8", "q4"), "decoder=q4", "models/x")
    assert "vision=int8,embed=int8,decoder=q4" in caplog.text and "models/x" in caplog.text


def test_data_files_are_fetched_with_their_graphs_only() -> None:
    data = {"onnx/decoder_model_merged.onnx_data", "onnx/decoder_model_merged_q4.onnx_data"}
    files = files_of("fp32", "q4") | data
    assert "onnx/decoder_model_merged.onnx_data" in needed_files(files, plan_of("fp32"))
    assert "onnx/decoder_model_merged_q4.onnx_data" not in needed_files(files, plan_of("fp32"))
    assert len(needed_files(files, plan_of("q4"))) == 4


def test_a_foreign_int8_vision_file_is_exact_only_where_products_do_not_saturate(
    embedded: str, tmp_path: Path
) -> None:
    own = open_checkpoint(embedded).folder / component_file("vision_encoder", "int8")
    foreign = tmp_path / "vision_encoder_int8.onnx"
    foreign.write_bytes(own.read_bytes().replace(b"smolvlm-tools", b"another-tools"))
    windows = CpuFeatures("AMD64")
    for cpu, expected in (
        (cpus.AVX2, False),
        (windows, False),
        (cpus.VNNI, True),
        (cpus.AVX512_BF16, True),
        (cpus.ARM, True),
    ):
        assert int8_vision_is_exact(own, cpu)
        assert int8_vision_is_exact(foreign, cpu) is expected
        assert int8_vision_is_exact(tmp_path / "not fetched yet", cpu) is expected
