from __future__ import annotations

import os
from pathlib import Path

import pytest
from smolvlm_mcp.http import allowed_names
from smolvlm_mcp.serving import load_toolbox, roots
from smolvlm_mcp.settings import parse_address, read_settings, unknown_variables

from smolvlm_tools.errors import BadOptions, ModelNotFound
from smolvlm_tools.tools import ImageStore
from tests.support.mcp_servers import environment
from tests.support.paths import ROOT

SECRET = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMOLVLM_M")]:
        monkeypatch.delenv(name)


def test_by_default_it_serves_stdio_and_fetches_nothing():
    settings = read_settings()
    assert settings.address is None and not settings.allow_urls and settings.token is None
    assert (settings.model, settings.max_queue, settings.batch_size) == ("256m", 8, 8)


def test_the_environment_is_read_and_flags_win(monkeypatch, tmp_path):
    monkeypatch.setenv("SMOLVLM_MCP_MODEL", "500m")
    monkeypatch.setenv("SMOLVLM_MCP_ROOTS", f"{tmp_path}:/srv/images")
    monkeypatch.setenv("SMOLVLM_MCP_ALLOWED_HOSTS", "a.lan:*, b.lan")
    monkeypatch.setenv("SMOLVLM_MCP_ALLOW_URLS", "true")
    settings = read_settings(model=None)
    assert settings.model == "500m" and settings.allow_urls
    assert settings.roots == (tmp_path, Path("/srv/images"))
    assert settings.allowed_hosts == ("a.lan:*", "b.lan")
    assert read_settings(model="embedded", roots=["/x"]).model == "embedded"
    assert read_settings(model="embedded", roots=["/x"]).roots == (Path("/x"),)


def test_the_commands_own_model_variable_counts_too(monkeypatch):
    monkeypatch.setenv("SMOLVLM_MODEL", "2.2b")
    assert read_settings().model == "2.2b"
    monkeypatch.setenv("SMOLVLM_MCP_MODEL", "500m")
    assert read_settings().model == "500m"


def test_a_bad_value_is_named_by_its_flag_or_its_variable(monkeypatch):
    with pytest.raises(BadOptions, match=r"--max-queue: .*greater than or equal to 1"):
        read_settings(max_queue=0)
    monkeypatch.setenv("SMOLVLM_MCP_MAX_QUEUE", "many")
    with pytest.raises(BadOptions, match="SMOLVLM_MCP_MAX_QUEUE"):
        read_settings()


def test_an_empty_variable_is_none_but_never_opens_more_than_was_meant(monkeypatch):
    names = ("MODEL", "BACKEND", "MEMORY_BUDGET", "HTTP", "ALLOW_URLS", "MAX_QUEUE", "OFFLINE")
    for name in (*names, "ALLOWED_HOSTS", "TOKEN", "ROOTS"):
        monkeypatch.setenv(f"SMOLVLM_MCP_{name}", "")
    settings = read_settings()
    assert (settings.model, settings.memory_budget, settings.address) == ("256m", None, None)
    assert settings.roots == () and roots(settings) == ()
    with pytest.raises(BadOptions, match="the token has 0 characters"):
        read_settings(http="127.0.0.1:0")
    with pytest.raises(BadOptions, match="--model is empty"):
        read_settings(model="")


def test_the_token_is_never_shown(monkeypatch):
    monkeypatch.setenv("SMOLVLM_MCP_TOKEN", SECRET)
    settings = read_settings(http="0.0.0.0:80")
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()}"
    with pytest.raises(BadOptions) as caught:
        read_settings(max_queue=-1, token=[SECRET])
    assert SECRET not in str(caught.value)
    with pytest.raises(BadOptions) as caught:
        read_settings(http="127.0.0.1:0", token="hunter2-ümlaut-hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "192.168.1.5:80", "vision.lan:80"])
def test_what_others_can_reach_needs_a_token(address):
    with pytest.raises(BadOptions, match="no token is set"):
        read_settings(http=address)
    assert read_settings(http=address, token=SECRET).address


@pytest.mark.parametrize("address", ["127.0.0.1:80", "127.8.8.8:80", "localhost:0", "[::1]:80"])
def test_loopback_needs_none(address):
    assert read_settings(http=address).token is None


@pytest.mark.parametrize(
    "text", ["", "8000", ":8000", "a:", "a:b", "a:70000", "::1:80", "[a]", "a:-1"]
)
def test_an_address_is_a_host_and_a_port(text):
    with pytest.raises(BadOptions, match="HOST:PORT"):
        parse_address(text)


def test_addresses_are_read():
    assert parse_address("[::1]:80") == ("::1", 80)
    assert parse_address("localhost:0") == ("localhost", 0)


def test_roots_are_the_working_directory_on_stdio_and_none_on_http(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert roots(read_settings()) == (tmp_path,)
    assert roots(read_settings(http="127.0.0.1:0")) == ()
    (tmp_path / "pictures").mkdir()
    assert roots(read_settings(http="127.0.0.1:0", roots=["pictures"])) == (tmp_path / "pictures",)
    with pytest.raises(BadOptions, match="is not a folder"):
        roots(read_settings(roots=["pictuers"]))


def test_a_client_that_starts_it_in_the_root_of_the_file_system_shares_nothing_by_that(monkeypatch):
    monkeypatch.chdir("/")
    assert roots(read_settings()) == ()
    assert roots(read_settings(roots=["/"])) == (Path("/"),)


def test_a_bound_name_is_served_and_pages_only_from_this_machine():
    hosts, origins = allowed_names(read_settings(http="127.0.0.1:0"), "127.0.0.1")
    assert "localhost:*" in hosts and "http://localhost:*" in origins
    settings = read_settings(http="10.0.0.5:80", token=SECRET, allowed_origins="https://a.lan")
    hosts, origins = allowed_names(settings, "10.0.0.5")
    assert "10.0.0.5:*" in hosts and origins == ["https://a.lan"]


@pytest.mark.parametrize("name", ["http://a.lan", "a.lan/", "a b", "*", "a.lan:x", "u@a.lan", "a:"])
def test_a_host_that_no_client_could_send_is_refused(name):
    with pytest.raises(BadOptions, match="--allow-host"):
        read_settings(http="127.0.0.1:0", allowed_hosts=[name])


@pytest.mark.parametrize("page", ["a.lan", "https://a.lan/", "null", "*", "https://u@a.lan"])
def test_an_origin_that_no_browser_sends_is_refused(page):
    with pytest.raises(BadOptions, match="--allow-origin"):
        read_settings(http="127.0.0.1:0", allowed_origins=[page])


@pytest.mark.parametrize(
    "wrong",
    [
        {"backend": "x"},
        {"memory_budget": "lots"},
        {"device": "tpu"},
        {"calibration": "missing.json"},
    ],
)
def test_a_typo_is_told_before_serving(wrong):
    with pytest.raises(BadOptions):
        load_toolbox(read_settings(**wrong), ImageStore())


def test_an_unknown_model_is_refused_before_serving(tmp_path):
    with pytest.raises(ModelNotFound, match="Did you mean '256m'"):
        load_toolbox(read_settings(model="257m"), ImageStore())
    with pytest.raises(ModelNotFound, match="no folder"):
        load_toolbox(read_settings(model=str(tmp_path / "none")), ImageStore())
    for known in ("256m", "someone/fine-tune", str(tmp_path)):  # looked at by the first call
        load_toolbox(read_settings(model=known), ImageStore()).close()


def test_a_model_is_loaded_before_serving_where_that_is_wanted():
    with load_toolbox(read_settings(model="embedded"), ImageStore()) as toolbox:
        assert toolbox.loaded is None
        toolbox.preload()
        assert toolbox.loaded is not None
    assert read_settings(preload=True).preload and not read_settings().preload


def test_help_shows_examples_and_needs_no_sdk():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['mcp'] = sys.modules['mcp_types'] = None\n"
        "sys.argv = ['smolvlm-mcp', *sys.argv[1:]]\n"
        "from smolvlm_mcp.command import main; main()"
    )

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *flags]
        shown = environment(SMOLVLM_MCP_TOKEN=SECRET, COLUMNS="200")
        return subprocess.run(command, env=shown, cwd=ROOT, capture_output=True, text=True)

    shown = run("--help")
    assert shown.returncode == 0 and "smolvlm mcp --http 127.0.0.1:8000" in shown.stdout
    assert SECRET not in shown.stdout
    missing = run("--model", "embedded")
    assert missing.returncode == 4
    assert missing.stderr.startswith("error: the MCP server needs the package mcp")
    assert "pip install 'smolvlm-tools[mcp]'" in missing.stderr


@pytest.mark.parametrize("flag", ["token", "allowed_hosts", "allowed_origins"])
def test_what_is_for_http_alone_is_refused_on_stdio(flag):
    with pytest.raises(BadOptions, match="is for HTTP"):
        read_settings(**{flag: SECRET})


def test_a_misspelt_variable_is_noticed(monkeypatch):
    monkeypatch.setenv("SMOLVLM_MCP_MODLE", "256m")
    monkeypatch.setenv("SMOLVLM_MCP_MODEL", "256m")
    assert unknown_variables() == ["SMOLVLM_MCP_MODLE"]


def test_others_cannot_reach_it_by_a_short_token():
    with pytest.raises(BadOptions, match="16 or more"):
        read_settings(http="0.0.0.0:80", token="short")
    assert read_settings(http="127.0.0.1:80", token="short").token
