"""A server behind the toolbox, the command line, MCP, LangChain and LlamaIndex."""

from __future__ import annotations

import json

import pytest

from smolvlm_tools import BadOptions
from smolvlm_tools.cli.run import run
from smolvlm_tools.tools import ImageStore, Toolbox, agent_policy
from tests.support.chat_servers import chat_server, says
from tests.support.paths import SHAPES

YES = says('{"answer": "yes"}')
RED = says("A red", " circle.")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("SMOLVLM_BASE_URL", "SMOLVLM_API_KEY", "SMOLVLM_MODEL"):
        monkeypatch.delenv(name, raising=False)


def store():
    return ImageStore(agent_policy([SHAPES.parent]))


def test_tools_run_and_planning_says_why_it_cannot():
    with (
        chat_server(YES) as server,
        Toolbox.load("m", store=store(), backend="remote", base_url=server.url) as toolbox,
    ):
        with pytest.raises(BadOptions, match="cannot be planned here"):
            toolbox.call("plan_image", {"image": str(SHAPES)})
        asked = {"image": str(SHAPES), "question": "Is it red?", "answer_type": "yes_no"}
        reply = toolbox.call("answer_question", asked)
        assert reply.value is True and reply.model == "some-model"
        with pytest.raises(BadOptions, match="cannot be planned here"):
            toolbox.call("plan_image", {"image": str(SHAPES)})


def test_a_local_toolbox_takes_no_server():
    with Toolbox.load("embedded", store=store(), base_url="http://127.0.0.1:9/v1") as toolbox:
        with pytest.raises(BadOptions, match="about a server"):
            toolbox.call("plan_image", {"image": str(SHAPES)})


def test_the_command_line(capsys, monkeypatch):
    with chat_server(RED) as server:
        there = ["--backend", "remote", "--base-url", server.url, "--model", "m"]
        assert run(["describe", str(SHAPES), *there, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["text"] == "A red circle." and found["backend"] == "remote"
        monkeypatch.setenv("SMOLVLM_BASE_URL", server.url)
        assert run(["describe", str(SHAPES), "--backend", "remote", "--model", "m"]) == 0
        assert capsys.readouterr().out == "A red circle.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["describe", "x.png", "--backend", "remote"], "needs the server's address"),
        (["describe", "x.png", "--base-url", "http://h/v1"], "about a server"),
        (["describe", "x.png", "--backend", "remote", "--base-url", "http://h/v1", "--device",
          "cpu"], "device"),
        (["plan", str(SHAPES), "--backend", "remote", "--base-url", "http://h/v1"], "on a server"),
    ],
)  # fmt: skip
def test_the_command_line_refuses(capsys, arguments, words):
    assert run(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_mcp():
    pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    from smolvlm_mcp.cards import MODEL_URI, Cards
    from smolvlm_mcp.serving import load_toolbox
    from smolvlm_mcp.settings import read_settings

    with chat_server(RED) as server:
        settings = read_settings(model="m", backend="remote", base_url=server.url)
        with load_toolbox(settings, store()) as toolbox:
            reply = toolbox.call("describe_image", {"image": str(SHAPES)})
            assert reply.text == "A red circle."
    card = Cards("m", lambda: None, store(), "", server.url).read(MODEL_URI)
    assert card and server.url in card[1] and "sent nowhere" not in card[1]
    with pytest.raises(BadOptions, match="needs the server's address"):
        load_toolbox(read_settings(model="m", backend="remote"), store())
    with pytest.raises(BadOptions, match="about a server"):
        load_toolbox(read_settings(model="m", base_url=server.url), store())


def test_langchain():
    pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
    from langchain_smolvlm import ChatSmolVLM

    with chat_server(RED) as server:
        chat = ChatSmolVLM(
            model="m", backend="remote", base_url=server.url, load_options={"retries": 0}
        )
        assert chat.invoke("What is it?").content == "A red circle."
        assert "".join(chunk.content for chunk in chat.stream("And?")) == "A red circle."
        chat.close()


def test_llama_index():
    pytest.importorskip("llama_index.core", reason="the extra `llama-index` is not installed")
    from llama_index.readers.smolvlm import SmolVLMImageReader

    with chat_server(RED) as server:
        options = {"backend": "remote", "base_url": server.url}
        reader = SmolVLMImageReader(model="m", load_options=options)
        (document,) = reader.load_data(SHAPES)
        assert "A red circle." in document.text
        reader.close()
