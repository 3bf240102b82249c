"""What may be said about a server, and that its key is nowhere to be seen."""

from __future__ import annotations

import pickle

import pytest
from pydantic import SecretStr

from smolvlm_tools import BadOptions, SharedEngine, SmolVLM, plan_model
from tests.support.chat_servers import chat_server, says
from tests.support.requests import HELLO

URL = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("SMOLVLM_BASE_URL", "SMOLVLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs the server's address"),
        ({"base_url": "ftp://host/v1"}, "not an http"),
        ({"base_url": "127.0.0.1:8080"}, "not an http"),
        ({"base_url": "http://"}, "not an http"),
        ({"base_url": "http://[::1/v1"}, "not a valid URL"),
        ({"base_url": "http://host:99999/v1"}, "not a valid URL"),
        ({"base_url": "http://exa mple/v1"}, "not an http"),
        ({"base_url": "http://-☃-.com/v1"}, "not a valid URL"),
        ({"base_url": "http://me:hidden@host/v1"}, "user name or password"),
        ({"base_url": "http://host/v1?key=hidden"}, "query"),
        ({"base_url": URL, "api_key": "hidden"}, "plain text"),
        ({"base_url": URL, "api_key": SecretStr("hid\nden")}, "printable"),
        ({"base_url": URL, "timeout": 0}, "timeout"),
        ({"base_url": URL, "timeout": float("nan")}, "timeout"),
        ({"base_url": URL, "retries": -1}, "retries"),
        ({"base_url": URL, "retries": True}, "retries"),
        ({"base_url": URL, "batch_size": 0}, "batch_size"),
        ({"base_url": URL, "precision": "int8"}, "precision"),
        ({"base_url": URL, "device": "cuda"}, "device"),
        ({"base_url": URL, "resolution": "native"}, "resolution"),
        ({"base_url": URL, "memory_budget": "1GB"}, "memory_budget"),
        ({"base_url": URL, "revision": "main"}, "revision"),
        ({"base_url": URL, "local_files_only": True}, "local_files_only"),
        ({"base_url": URL, "cache": False}, "cache"),
        ({"base_url": URL, "threads": 2}, "threads"),
        ({"base_url": URL, "adapter": "x"}, "adapter"),
        ({"base_url": URL, "calibration": "x.json"}, "calibration"),
    ],
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(BadOptions, match=words) as caught:
        SmolVLM.load("model", backend="remote", **options)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", [" ", ""])
def test_a_model_needs_a_name(name):
    with pytest.raises(BadOptions, match="name of a model"):
        SmolVLM.load(name, backend="remote", base_url=URL)


@pytest.mark.parametrize(
    "option", [{"base_url": URL}, {"api_key": SecretStr("k")}, {"timeout": 3}, {"retries": 1}]
)
def test_a_server_is_not_described_in_vain(option):
    with pytest.raises(BadOptions, match="is about a server"):
        SmolVLM.load("embedded", **option)


def test_what_needs_the_weights_says_so():
    with pytest.raises(BadOptions, match="on a server"):
        plan_model("embedded", backend="remote")


def test_the_environment_has_address_and_key(monkeypatch):
    with chat_server(says("a")) as server:
        monkeypatch.setenv("SMOLVLM_BASE_URL", server.url + "/")
        monkeypatch.setenv("SMOLVLM_API_KEY", "from-the-environment")
        with SmolVLM.load("model", backend="remote") as vlm:
            vlm.generate(HELLO)
        with SmolVLM.load("model", backend="remote", api_key=SecretStr("mine")) as vlm:
            vlm.generate(HELLO)
    keys = [request.headers["authorization"] for request in server.requests]
    assert keys == ["Bearer from-the-environment", "Bearer mine"]
    assert server.requests[0].path == "/v1/chat/completions"


def test_without_a_key_none_is_sent():
    with chat_server(says("a")) as server, server.engine() as vlm:
        vlm.generate(HELLO)
    assert server.requests[0].headers["authorization"] is None


def test_a_key_is_not_shown():
    key = SecretStr("hidden-key")
    with SmolVLM.load("model", backend="remote", base_url=URL, api_key=key) as vlm:
        assert URL in repr(vlm) and "hidden-key" not in repr(vlm)
        assert "hidden-key" not in repr(vars(vlm))
    shared = SharedEngine("model", backend="remote", base_url=URL, api_key=key)
    assert "hidden-key" not in repr(shared)


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with chat_server(says("yes")) as server, server.engine() as vlm:
        assert vlm.generate(HELLO).text == "yes"


def test_claims_share_one_engine():
    with chat_server(says("yes")) as server:
        options = {"backend": "remote", "base_url": server.url}
        one, other = SharedEngine("model", **options), SharedEngine("model", **options)
        copied = pickle.loads(pickle.dumps(one))
        assert one.get() is other.get() is copied.get()
        assert one.get().generate(HELLO).text == "yes"
        for claim in (one, other, copied):
            claim.release()
