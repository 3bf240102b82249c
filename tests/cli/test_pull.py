"""`smolvlm pull`: what would be loaded is downloaded before."""

from __future__ import annotations

import json

import pytest

from smolvlm_tools import SmolVLM
from smolvlm_tools.checkpoint.files import list_files
from tests.support.cli import only_line
from tests.support.hub_server import COMMIT, HubRepository, hub_of

ID = "someone/tiny"


@pytest.fixture(params=["tiny_onnx", "tiny_a"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def hub(folder, monkeypatch, tmp_path):
    files = {name: (folder / name).read_bytes() for name in list_files(folder)}
    with hub_of(monkeypatch, tmp_path / "cache", HubRepository(ID, files)) as server:
        yield server


def test_a_pulled_model_loads_offline(smolvlm, hub, folder):
    backend = "onnx" if (folder / "onnx").is_dir() else "torch"
    done = smolvlm("pull", ID, "--backend", backend, "--json")
    told = json.loads(done.out)
    assert done.code == 0 and (told["model"], told["revision"]) == (ID, COMMIT)
    assert told["backend"] == backend and told["bytes"] > 100_000
    before = len(hub.downloads)
    again = smolvlm("pull", ID, "--backend", backend)
    assert again.code == 0 and only_line(again.out).startswith(f"{ID} is here for {backend} ")
    assert len(hub.downloads) == before
    with SmolVLM.load(ID, backend=backend, local_files_only=True) as vlm:
        assert (
            vlm.generate([{"role": "user", "content": "hello"}], max_new_tokens=2).text is not None
        )


def test_what_cannot_be_had_is_said(smolvlm, hub):
    missing = smolvlm("pull", "someone/else")
    assert (missing.code, missing.out) == (4, "") and "someone/else" in only_line(missing.err)
    assert smolvlm("pull", ID, "--backend", "teapot").code == 2
    small = smolvlm("pull", ID, "--memory-budget", "1MB")
    assert small.code == 4 and not [name for name in hub.downloads if "onnx" in name]
    assert smolvlm("pull").code == 2
