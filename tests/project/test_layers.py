"""The order of the package's rooms, and the limits of its files.

AGENTS.md shows `ORDER`; a test below holds the two together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ORDER = """
__main__
__init__
cli
finetune
export ingest quality tools
engine
vision
decoding
constraints
memory
cache
backends
prompt
checkpoint
pages
images
sandbox
machine
arrays types unsafe
errors
wording
"""
"""What stands higher may import what stands lower; rooms on one line may not import each other."""

FLOORS = {room: at for at, line in enumerate(ORDER.split("\n")) for room in line.split()}
PACKAGE = ROOT / "smolvlm_tools"
FILES = sorted(path for path in PACKAGE.rglob("*.py*") if path.suffix in (".py", ".pyi"))
ADAPTERS = sorted((ROOT / "integrations").rglob("*.py"))
CODE = [*FILES, *ADAPTERS, *sorted((ROOT / "benchmarks").rglob("*.py"))]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES if path.suffix == ".py"}


def imports(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports, anywhere: also in functions and for types."""
    package = module_of(path)
    if path.stem != "__init__":
        package = package.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            target = ".".join([*(base if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{target}.{alias.name}"
                yield inner if inner in MODULES else target
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_a_place_in_the_order():
    assert {room(module_of(path)) for path in FILES} == set(FLOORS)
    assert len(FLOORS) <= 26


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_file_imports_what_stands_higher(path):
    here = room(module_of(path))
    wrong = {
        target
        for target in imports(path)
        if target.startswith("smolvlm_tools.") and room(target) != here
        if FLOORS[room(target)] <= FLOORS[here]
    }
    assert not wrong


def test_no_files_import_each_other_in_a_circle():
    arrows = {
        module: {target for target in imports(path) if target in MODULES and target != module}
        for module, path in MODULES.items()
    }
    # Take away, again and again, the files that import none of those that are left.
    while free := {module for module, targets in arrows.items() if not targets & set(arrows)}:
        arrows = {module: targets for module, targets in arrows.items() if module not in free}
    assert not arrows


def test_the_package_imports_no_adapter_and_no_framework():
    frameworks = {"langchain_core", "llama_index", "mcp", "langchain_smolvlm", "smolvlm_mcp"}
    tops = {target.partition(".")[0] for path in FILES for target in imports(path)}
    assert not tops & frameworks


def test_agents_md_shows_the_order():
    assert f"```\n{ORDER.strip()}\n```" in (ROOT / "AGENTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_functions_and_signatures_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 50 or node.name in LONG, f"{node.name} has {lines} lines"
            given = node.args
            count = len(given.posonlyargs) + len(given.args)
            count += 0 if is_public(node) else len(given.kwonlyargs)
            count -= bool(given.args) and given.args[0].arg in ("self", "cls")
            assert count <= 7, f"{node.name} has {count} parameters"


LONG = {"load", "ingest", "ingest_on_ray"}
"""Functions that are long because their public options are many and each is explained."""


def is_public(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether its keyword-only parameters are options that users write."""
    return not node.name.startswith("_") or node.name == "__init__"
