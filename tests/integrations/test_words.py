"""Errors in Python speak of arguments, those of the server and the command line of flags."""

from __future__ import annotations

import pytest

from smolvlm_tools import ModelNotFound, PathNotAllowed, SmolVLM, UrlNotAllowed, open_checkpoint
from smolvlm_tools.cli.run import run
from smolvlm_tools.tools import Toolbox
from tests.support.paths import SHAPES


def refusals(embedded, tmp_path, monkeypatch):
    """Errors whose remedies are about how something is started."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PathNotAllowed) as outside:
        Toolbox(lambda: SmolVLM.load(embedded)).call("load_image", {"image": str(SHAPES)})
    with pytest.raises(UrlNotAllowed) as url:
        Toolbox(lambda: SmolVLM.load(embedded)).call("load_image", {"image": "http://a.example/b"})
    with pytest.raises(ModelNotFound) as model:
        open_checkpoint("somebody/nothing", local_files_only=True)
    return [caught.value for caught in (outside, url, model)]


def test_errors_in_python_name_no_flags(embedded, tmp_path, monkeypatch):
    for error in refusals(embedded, tmp_path, monkeypatch):
        assert "--" not in str(error) and "smolvlm mcp" not in str(error)
        assert "policy=" in error.remedy or "local_files_only" in error.remedy


def test_the_server_says_how_it_is_started(embedded, tmp_path, monkeypatch):
    pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    from smolvlm_mcp.results import failure

    outside, url, _ = refusals(embedded, tmp_path, monkeypatch)
    for error, flag in ((outside, "--root"), (url, "--allow-urls")):
        told = failure(error).content
        assert all(flag in part.text and "ImagePolicy" not in part.text for part in told)


def test_the_command_line_says_its_flags(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(["describe", str(SHAPES), "--model", "somebody/nothing", "--offline"]) == 4
    told = " ".join(capsys.readouterr().err.split())
    assert "leave out --offline" in told and "`--model embedded`" in told


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_the_adapters_pass_them_on_as_they_are(framework, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if framework == "langchain":
        pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
        from langchain_smolvlm import ChatSmolVLM

        chat = ChatSmolVLM(model="somebody/nothing", local_files_only=True)
        with pytest.raises(ModelNotFound) as caught:
            chat.invoke("Hello")
    else:
        pytest.importorskip("llama_index.core", reason="the extra `llama-index` is not installed")
        from llama_index.llms.smolvlm import SmolVLMLLM
        from llama_index.readers.smolvlm import EngineMissing

        with pytest.raises(EngineMissing) as caught:
            SmolVLMLLM(model="somebody/nothing", local_files_only=True).complete("Hello")
    assert "--" not in str(caught.value) and "embedded" in str(caught.value)
