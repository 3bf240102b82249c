"""Integrations stand on the public names of the package, which stay when its files move."""

from __future__ import annotations

import ast
from importlib import import_module

import pytest

import smolvlm_tools
from tests.support.paths import ROOT

PACKAGES = (
    "tools", "images", "pages", "ingest", "constraints", "errors", "types", "checkpoint",
)  # fmt: skip
"""The public packages: what their `__all__` lists, or without one every name that does not begin
with an underscore."""

COMMAND = {
    "smolvlm_tools.cli.command.options_from_fields",
    "smolvlm_tools.cli.plugins.app_of",
    "smolvlm_tools.cli.process.run_and_exit",
    "smolvlm_tools.cli.run.run",
}
"""What a command of the CLI by entry point needs, to report and end as the others do."""

EXCEPTIONS = {
    "smolvlm_mcp/command.py": COMMAND,
    "smolvlm_serve/command.py": COMMAND,
    # It refuses wrong names at start, long before the first call loads a model.
    "smolvlm_mcp/serving.py": {
        "smolvlm_tools.backends.choose.check_names",
        "smolvlm_tools.engine.remote.settings.RemoteSettings",
    },
    # The figure of memory that budgets are about, for the page.
    "smolvlm_serve/stats.py": {"smolvlm_tools.machine.meter.resident"},
    # What holds the children to what, which `smolvlm doctor` says too.
    "smolvlm_mcp/posture.py": {"smolvlm_tools.sandbox.find_posture"},
    # The form of the handles, for the template of the resource that shows them.
    "smolvlm_mcp/cards.py": {"smolvlm_tools.tools.image_store.IMAGE_URI"},
}
FILES = {
    path.relative_to(ROOT / "integrations").as_posix(): path
    for path in sorted((ROOT / "integrations").rglob("*.py"))
}


def imported(code: str) -> set[str]:
    """Dotted names that code imports from the package, wherever the statement stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
    return {name for name in names if name.split(".")[0] == "smolvlm_tools"}


def public() -> set[str]:
    names = {"smolvlm_tools", "smolvlm_tools.__version__"}
    names |= {f"smolvlm_tools.{name}" for name in (*smolvlm_tools.__all__, *PACKAGES)}
    for package in PACKAGES:
        module = import_module(f"smolvlm_tools.{package}")
        listed = getattr(module, "__all__", None)
        own = [name for name in vars(module) if not name.startswith("_")]
        names |= {f"{module.__name__}.{name}" for name in (own if listed is None else listed)}
    return names


@pytest.mark.parametrize("file", FILES)
def test_an_integration_imports_public_names_only(file):
    private = imported(FILES[file].read_text(encoding="utf-8")) - public()
    assert private == EXCEPTIONS.get(file, set())


def test_imports_are_found_wherever_they_stand():
    code = "import smolvlm_tools.a\ndef f():\n    from smolvlm_tools.b import C"
    assert imported(code) == {"smolvlm_tools.a", "smolvlm_tools.b.C"}
