"""docs/serve.md: its client's snippet prints what it shows; its tables and files are right."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from smolvlm_serve.app import ROUTES
from smolvlm_serve.command import Flags
from smolvlm_serve.settings import ServeSettings

from tests.support.document_blocks import blocks, run
from tests.support.paths import ROOT
from tests.support.serve_servers import served

PAGE = (ROOT / "docs" / "serve.md").read_text()


@pytest.fixture(scope="module")
def url():
    with served() as address:
        yield address


def test_the_snippet_of_openais_client_prints_what_is_shown(url, embedded):
    (code,) = blocks("docs/serve.md", "python")
    shown = blocks("docs/serve.md", "text")[1]
    assert run(code.replace("http://127.0.0.1:8000", url)) == shown


def test_every_route_is_in_the_table():
    named = set(re.findall(r"`(?:(?:GET|POST|DELETE) )?(/[^` ]*)`", PAGE))
    for _, path, _, _ in ROUTES:
        plain = re.sub(r":\w+", "", path)
        plain = plain.replace("{name}", "{id}").replace("{number}", "{n}")
        plain = plain.replace("/v1/tools/{id}", "/v1/tools/{name}")
        assert plain in named, f"{path} is not in docs/serve.md"


def test_the_container_runs_as_nobody_special_and_copies_what_is_there():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path
    ignored = (ROOT / ".dockerignore").read_text()
    for path in ("pyproject.toml", "smolvlm_tools", "integrations"):
        assert f"!{path}" in ignored
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "serve" in extras["optional-dependencies"]


def test_the_variables_of_the_container_are_settings():
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "compose.yaml").read_text()
    used = set(re.findall(r"SMOLVLM_SERVE_([A-Z]+)", text))
    assert used and used <= {name.upper() for name in ServeSettings.model_fields}


def test_the_compose_file_closes_what_the_service_does_not_need():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["smolvlm"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert "checkpoints:/checkpoints" in service["volumes"]


def test_every_flag_of_the_page_is_one():
    flags = {f"--{name.replace('_', '-')}" for name in Flags.__dataclass_fields__} | {"--no-page"}
    of_others = {"--rm", "--read-only", "--tmpfs", "--rounds", "--minutes", "--surface", "--beside"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - of_others <= flags
