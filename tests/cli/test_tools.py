"""`smolvlm tools`, and commands that other packages add."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from smolvlm_tools.cli.run import run
from smolvlm_tools.tools import FORMATS, tool_schemas
from tests.support.paths import ROOT

PLUGIN = '''
"""The module's own line."""
import {imports}
import typer

def greet(name: str, loud: bool = False) -> None:
    """Greet somebody.

    At length.
    """
    typer.echo(f"hello {{name}}" + "!" * loud)

def fail() -> None:
    from smolvlm_tools import ModelNotFound
    raise ModelNotFound("no model", "Get one.")

group = typer.Typer(help="Things to do.", no_args_is_help=True)
group.command()(greet)
group.command()(fail)
number = 5
'''


@pytest.fixture
def smolvlm(capsys):
    """Run the command in this process: exit code, stdout and stderr."""

    def call(*arguments):
        code = run(list(arguments))
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package that adds commands: `install(greet="plug_cli:greet")`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plug_cli", raising=False)
    (tmp_path / "plug_cli.py").write_text(PLUGIN.format(imports="sys"))

    def put(package="plug", **commands):
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\nProvides-Extra: extra\n"
        (info / "METADATA").write_text(metadata)
        lines = [f"{name} = {value}" for name, value in commands.items()]
        (info / "entry_points.txt").write_text("\n".join(["[smolvlm.commands]", *lines]) + "\n")
        return tmp_path

    yield put
    sys.modules.pop("plug_cli", None)


def one_line(text: str) -> str:
    return re.sub(r"[\s│]+", " ", text)


# The tools


@pytest.mark.parametrize("name", FORMATS)
def test_the_tools_are_printed_in_every_format(smolvlm, name):
    answer = smolvlm("tools", "--format", name)
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out) == tool_schemas(name)


def test_an_unknown_format_is_a_usage_error_with_the_choices(smolvlm):
    answer = smolvlm("tools", "--format", "yaml")
    assert (answer.code, answer.out) == (2, "")
    assert "mcp, openai, anthropic, json-schema" in answer.err


# Commands of other packages


def test_help_lists_a_plugins_command_without_importing_it(smolvlm, install):
    install(greet="plug_cli:greet", things="plug_cli:group", other="plug_cli:number")
    listing = one_line(smolvlm("--help").out)
    assert "greet Greet somebody." in listing
    assert "things Things to do." in listing
    assert "other The module's own line." in listing
    assert "plug_cli" not in sys.modules


def test_a_plugin_whose_source_cannot_be_read_is_listed_by_its_package(smolvlm, install):
    folder = install(a="nowhere.at:all", b="plug_cli:greet")
    (folder / "plug_cli.py").write_text("this is no Python")
    listing = one_line(smolvlm("--help").out)
    assert listing.count("A command of plug.") == 2


def test_a_function_becomes_a_command_with_options_and_help(smolvlm, install):
    install(greet="plug_cli:greet")
    assert smolvlm("greet", "you", "--loud").out == "hello you!\n"
    shown = smolvlm("greet", "--help")
    assert "smolvlm greet [OPTIONS]" in shown.out and "At length." in shown.out
    assert smolvlm("greet", "-h").out == shown.out
    wrong = smolvlm("greet")
    assert wrong.code == 2 and "Usage: smolvlm greet" in wrong.err


def test_an_app_becomes_a_group_of_commands(smolvlm, install):
    install(things="plug_cli:group")
    assert smolvlm("things", "greet", "you").out == "hello you\n"
    failed = smolvlm("things", "fail")
    assert (failed.code, failed.err) == (4, "error: no model. Get one.\n")


def test_a_missing_dependency_is_one_line_that_says_what_to_install(smolvlm, install):
    folder = install(extra="plug_cli:greet", plain="plug_cli:greet")
    (folder / "plug_cli.py").write_text(PLUGIN.format(imports="module_that_is_not_there"))
    answer = smolvlm("extra", "you")
    assert answer.code == 4 and answer.err.count("\n") == 1
    assert "module_that_is_not_there" in answer.err
    assert "pip install 'plug[extra]'" in answer.err
    assert "Run `pip install 'plug'`.\n" in smolvlm("plain", "you").err


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("plug_cli:number", "is int, not a command"),
        ("plug_cli:gone", "does not have its command 'broken'"),
        ("plug_gone:greet", "plug_gone is missing or broken"),
    ],
)
def test_an_entry_point_that_is_no_command_is_one_line(smolvlm, install, value, said):
    install(broken=value)
    answer = smolvlm("broken")
    assert answer.code == 4 and said in answer.err and answer.err.count("\n") == 1


def test_no_plugin_replaces_a_built_in_command(smolvlm, install):
    install(tools="plug_cli:greet")
    assert json.loads(smolvlm("tools").out) == tool_schemas("mcp")


def test_two_packages_that_bring_one_command_are_named(smolvlm, install):
    install("first", greet="plug_cli:greet")
    install("second", greet="plug_cli:greet")
    assert one_line(smolvlm("--help").out).count("greet Greet somebody.") == 1
    answer = smolvlm("greet", "you")
    assert (
        answer.code == 4 and "several packages add the command 'greet': first, second" in answer.err
    )


def test_help_with_the_mcp_adapter_installed_loads_no_mcp():
    code = (
        "import sys; from smolvlm_tools.cli.run import run\n"
        "try: run(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('mcp', 'pydantic', 'smolvlm_mcp') if m in sys.modules])"
    )
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n")
