"""Plans, models, the doctor, exports, and the embedded checkpoint."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from smolvlm_tools import BadPrompt, open_checkpoint
from smolvlm_tools.backends.tuning import kept
from smolvlm_tools.backends.tuning.speeds import Place, Speed, Tuning
from smolvlm_tools.cli import machine
from smolvlm_tools.cli.machine import BackendCheck
from smolvlm_tools.engine.planner import Planner
from tests.support.cli import broken_images, only_line


def test_a_plan_needs_no_weights(smolvlm, tiny_a, picture, tmp_path):
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_a / name).read_bytes())
    answer = smolvlm("plan", picture, "--model", tmp_path, "--json")
    plan = json.loads(answer.out)
    assert (answer.code, plan["tiles"], plan["image_tokens"]) == (0, 5, 80)
    assert plan["images"][0]["resized_width"] == plan["images"][0]["resized_height"] == 64

    missing = tmp_path / "missing.png"
    answer = smolvlm("plan", picture, missing, "--model", tmp_path, "-r", "1", "--json")
    plan, error = json.loads(answer.out)
    assert (answer.code, plan["tiles"], error["error"]["code"]) == (3, 1, "image_not_found")

    answer = smolvlm("plan", picture, missing, picture, "--model", tmp_path)
    assert answer.code == 3 and answer.out.count(str(picture)) == 2


def test_a_plan_tells_seconds_at_each_resolution_or_how_to_get_them(
    smolvlm, picture, monkeypatch, tmp_path
):
    monkeypatch.setattr(kept, "folder", lambda: tmp_path / "kept")
    asked = ("plan", picture, "--model", "embedded", "--max-new-tokens", "4")
    plan = json.loads(smolvlm(*asked, "--json").out)
    assert plan["seconds"] is None
    assert plan["seconds_basis"] == "not measured; `smolvlm tune embedded` measures this machine"
    assert plan["seconds_basis"] in smolvlm(*asked).out
    on_gpu = json.loads(smolvlm(*asked, "--device", "cuda", "--json").out)
    assert "not on cuda" in on_gpu["seconds_basis"]

    parts = {"tile_seconds": 1.0, "prefill_seconds": 2.56, "step_seconds": 0.5, "peak_bytes": 1}
    speed = Speed(backend="onnx", precision="int8", is_auto=True, **parts)
    place = Place.here(open_checkpoint("embedded"))
    kept.keep(Tuning(place=place, speeds=(speed,), failures={}))
    plan = json.loads(smolvlm(*asked, "--json").out)
    assert plan["seconds_basis"].startswith("estimated from what `smolvlm tune` measured")
    each = {one["resolution"]: one for one in plan["resolutions"]}
    assert list(each) == ["auto", "native", "1", "2"]
    for one in each.values():
        assert one["seconds"]["vision"] == one["tiles"]
        assert one["seconds"]["prefill"] == pytest.approx(one["prompt_tokens"] / 100)
        assert (one["seconds"]["decode"], one["seconds"]["new_tokens"]) == (2.0, 4)
    assert plan["seconds"] == each["auto"]["seconds"]
    shown = smolvlm(*asked).out
    assert "for a reply of 4 tokens" in shown and "not measured" not in shown


def test_a_resolution_that_does_not_fit_is_said_beside_those_that_do(smolvlm, picture, monkeypatch):
    plan = Planner.plan

    def only_one_tile(self, request, batch=1):
        if request.resolution == "native":
            raise BadPrompt("the prompt is too long", "Lower `resolution`.")
        return plan(self, request, batch)

    monkeypatch.setattr(Planner, "plan", only_one_tile)
    asked = ("plan", picture, "--model", "embedded", "-r", "1")
    found = json.loads(smolvlm(*asked, "--json").out)
    native = next(one for one in found["resolutions"] if one["resolution"] == "native")
    assert native == {"resolution": "native", "error": "the prompt is too long"}
    assert "does not fit" in smolvlm(*asked).out


def test_the_models_are_listed_with_their_ids(smolvlm, monkeypatch, tmp_path):
    from smolvlm_tools import ALIASES

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    infos = json.loads(smolvlm("models", "--json").out)
    assert {info["alias"]: info["id"] for info in infos} == ALIASES
    assert not any(info["cached"] for info in infos if info["alias"] != "embedded")
    table = smolvlm("models").out
    assert all(alias in table and hub_id in table for alias, hub_id in ALIASES.items())


def test_the_doctor_says_what_works_and_what_to_install(smolvlm, monkeypatch):
    from smolvlm_tools.machine import packages

    monkeypatch.setattr(packages, "installed", lambda *names: names == ("onnxruntime",))
    answer = smolvlm("doctor", "--json")
    report = json.loads(answer.out)
    assert answer.code == 0
    assert {check["backend"]: check["works"] for check in report["backends"]} == {
        "onnx": True,
        "openvino": False,
        "torch": False,
    }
    assert report["missing"]["the torch backend"] == "pip install 'smolvlm-tools[torch]'"
    extras = {"pdf", "heic", "mcp", "langchain", "llama-index", "parquet", "export"}
    told = " ".join(report["missing"].values())
    assert all(f"smolvlm-tools[{extra}]" in told for extra in extras)
    assert report["models"]["embedded"] > 10**6 and report["disk_free_bytes"] > 0
    assert report["cpu"] and (report["memory_bytes"] is None or report["memory_bytes"] > 10**8)
    text = smolvlm("doctor").out
    assert "pip install 'smolvlm-tools[torch]'" in text and "onnx: works" in text
    assert "models here: embedded (" in text and "downloads go to" in text


def test_the_doctor_exits_with_4_when_nothing_works(smolvlm, monkeypatch):
    from smolvlm_tools.machine import packages

    monkeypatch.setattr(packages, "installed", lambda *names: False)
    answer = smolvlm("doctor")
    assert answer.code == 4 and "pip install onnxruntime" in answer.out


def test_the_doctor_tries_the_backends_with_the_embedded_checkpoint(smolvlm, embedded):
    report = json.loads(smolvlm("doctor", "--json").out)
    assert [check["works"] for check in report["backends"]] == [True, True, True]
    assert all(check["detail"].endswith(" s") for check in report["backends"])


def test_an_export_is_checked_and_its_exactness_printed(smolvlm, tiny_a, tmp_path, picture):
    answer = smolvlm("export", tiny_a, "--out", tmp_path / "out", "--precision", "fp32, q4")
    assert answer.code == 0
    assert "writing vision_encoder (q4)" in answer.err and "torch" in answer.err
    assert re.search(r"decoder_model_merged.*fp32.*e-0", answer.out)
    assert "fp32: 9 of 9 greedy tokens" in answer.out
    assert "onnx/embed_tokens_q4.onnx" in answer.out
    few = ["--max-new-tokens", "2", "--json"]
    answer = smolvlm("ask", picture, "Hm?", "-m", tmp_path / "out", "--precision", "q4", *few)
    assert (answer.code, json.loads(answer.out)["precision"]) == (0, "q4")


def test_export_says_what_is_missing(smolvlm, tiny_a, tmp_path, monkeypatch):
    import smolvlm_tools.export.reference as reference

    monkeypatch.setattr(reference, "find_spec", lambda name: None if name == "onnx" else name)
    answer = smolvlm("export", tiny_a, "--out", tmp_path)
    assert answer.code == 4
    assert "onnx" in answer.err and "smolvlm-tools[export]" in only_line(answer.err)


# The embedded checkpoint


def test_the_embedded_checkpoint_sees_the_example_images(smolvlm, embedded):
    images = "examples/images"
    answer = smolvlm("ask", f"{images}/shapes.png", "What color is the circle?", "-m", embedded)
    assert answer.out == "red\n"
    answer = smolvlm("describe", f"{images}/shapes.png", "-m", embedded)
    assert "large red circle at the top left" in answer.out and "green triangle" in answer.out
    answer = smolvlm("transcribe", f"{images}/receipt.png", "-m", embedded)
    assert answer.code == 0 and answer.out.strip()


@pytest.mark.timeout(30)
def test_the_embedded_checkpoint_answers_broken_files(smolvlm, embedded, tmp_path):
    for path in broken_images(tmp_path):
        assert smolvlm("describe", path, "--model", embedded).code == 3
    dot = tmp_path / "dot.png"
    Image.new("RGB", (1, 1)).save(dot)
    answer = smolvlm("describe", dot, "--model", embedded, "--json")
    assert answer.code == 0 and "blank_image" in json.loads(answer.out)["flags"]


def test_tuning_prints_what_each_backend_takes_and_the_doctor_says_so(
    smolvlm, monkeypatch, tmp_path
):
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    monkeypatch.setattr(machine, "_try_backend", lambda name: BackendCheck(name, True, ""))
    before = json.loads(smolvlm("doctor", "--json").out)["auto"]["embedded"]
    assert "smolvlm tune embedded" in before
    table = smolvlm("tune", "embedded", "--rounds", "1")
    assert (table.code, table.err) == (0, "")
    assert re.search(r"onnx \*?\s*│ int8", table.out) and 'What "auto" takes' in table.out
    assert max(map(len, table.out.splitlines())) <= 80
    found = json.loads(smolvlm("tune", "embedded", "--rounds", "1", "--json").out)
    assert {speed["backend"] for speed in found["speeds"]} >= {"onnx"}
    assert found["speeds"][0]["page_seconds"] <= found["speeds"][-1]["page_seconds"]
    assert json.loads(smolvlm("doctor", "--json").out)["auto"]["embedded"].endswith(
        "as measured on this machine"
    )


def test_a_model_that_is_not_there_cannot_be_tuned(smolvlm, tmp_path):
    answer = smolvlm("tune", tmp_path / "none")
    assert answer.code == 4 and len(answer.err.splitlines()) == 1
    assert smolvlm("tune", "embedded", "--threads", "0").code == 2
