"""Errors speak of options in the words of the surface that shows them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.main import get_command

from smolvlm_tools import GenerationOptions, ImagePolicy, SmolVLM, SmolVLMError
from smolvlm_tools.cli.app import app
from smolvlm_tools.cli.run import run
from smolvlm_tools.cli.wording import FLAGS, in_flags
from smolvlm_tools.prompt.request import RequestOptions
from smolvlm_tools.wording import OPTION, feasible
from tests.support.paths import ROOT
from tests.support.situations import SITUATIONS

COMMAND = re.compile(r"`[a-z]+ [^`]*`")
"""`smolvlm export …`, `pip install …`: remedies for everybody."""
FLAG = re.compile(r"(?<![\w-])--[a-z]")
PACKAGE = ROOT / "smolvlm_tools"
FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not {"cli", "catalogue"} & set(path.relative_to(PACKAGE).parts)
]
NAMES = {
    *inspect.signature(SmolVLM.load).parameters,
    *RequestOptions.__annotations__,
    *GenerationOptions.model_fields,
    *(f"ImagePolicy.{name}" for name in ImagePolicy.model_fields),
}
PYTHON_ONLY = {
    *("api_key", "batch", "cancel", "each", "fused", "ignore_eos", "longest_edge", "max_pages"),
    *("max_queue", "on_progress", "options", "policy", "retries", "stop", "timeout", "cache"),
    *("vision_bytes", "kv_bytes", "max_images", "fps"),
    *("CacheLimits", "ImagePolicy", "Progress", "SmolVLM.load", "pydantic.SecretStr"),
    *("threading.Event", "ImagePolicy.allow_urls", "ImagePolicy.agent"),
    *("ImagePolicy.max_bytes", "ImagePolicy.max_frames", "ImagePolicy.max_metadata_chunks"),
    *("ImagePolicy.max_pixels", "ImagePolicy.url_timeout"),
}
"""What messages name and no command has."""


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file that are no docstrings, their replaced pieces as "…"."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(piece) for piece in node.values}
            pieces = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
            yield node.lineno, "".join(map(str, pieces))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped:
                yield node.lineno, node.value


TEXTS = [(f"{path.name}:{line}", text) for path in FILES for line, text in texts(path)]


def options_in(text: str) -> set[str]:
    return {found["name"] for found in OPTION.finditer(text)}


# Every text of the package


def test_no_text_outside_the_command_line_names_a_flag():
    assert [each for each in TEXTS if FLAG.search(COMMAND.sub("", each[1]))] == []


def test_every_option_that_a_text_names_is_known_to_the_command_line_or_only_pythons():
    named = {name for _, text in TEXTS for name in options_in(text)} - {"…"}
    assert named - set(FLAGS) - PYTHON_ONLY == set()
    assert not set(FLAGS) & PYTHON_ONLY


def test_an_option_with_a_value_stands_between_backticks():
    value = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})=['\"\w…]")
    prose = [(at, re.sub("`[^`]*`", "", text)) for at, text in TEXTS if " " in text]
    found = {at.partition(":")[0] for at, text in prose if re.search(value, text)}
    assert found <= {"precision.py", "engine.py", "smolvlm.py"}, "a precision's form, two reprs"


def test_every_flag_is_one_of_a_command():
    there = {
        option
        for command in get_command(app).commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    assert set(FLAGS.values()) <= there


# Every situation, on every surface


@pytest.fixture
def here(tmp_path, tiny_a, monkeypatch):
    return SimpleNamespace(folder=tmp_path, model=tiny_a, patch=monkeypatch)


each_situation = pytest.mark.parametrize(
    "situation", [each for _, each in SITUATIONS], ids=[each.__name__ for _, each in SITUATIONS]
)


@each_situation
def test_python_is_told_no_flag(here, situation):
    with pytest.raises(SmolVLMError) as caught:
        situation(here)
    assert not FLAG.search(COMMAND.sub("", str(caught.value)))


@each_situation
def test_the_command_line_is_told_no_name_of_python(here, situation, capsys):
    command = typer.Typer()
    command.command()(lambda: situation(here))
    assert run([], command) != 0
    said = capsys.readouterr().err.splitlines()[-1]
    assert not OPTION.search(said) and not re.search(r"\w=\S|ImagePolicy|SmolVLM\.", said)
    assert ". " in said, "a remedy is left"


@each_situation
def test_an_agent_is_told_arguments_and_no_other_option(here, situation):
    pytest.importorskip("mcp")
    from smolvlm_mcp.wording import in_arguments

    from smolvlm_tools.tools import TOOLS

    with pytest.raises(SmolVLMError) as caught:
        situation(here)
    said = in_arguments(caught.value)
    arguments = {name for tool in TOOLS.values() for name in tool.input.model_fields}
    assert said.remedy and options_in(str(said)) <= arguments
    assert not FLAG.search(COMMAND.sub("", str(said)))


# The words


@pytest.mark.parametrize(
    ("python", "flags"),
    [
        ("Raise `max_new_tokens`.", "Raise --max-new-tokens."),
        ("Use `backend='torch'`, or DIR.", "Use --backend torch, or DIR."),
        ("Add `replace=True`.", "Add --replace."),
        ("Shrink it. Or raise `ImagePolicy.max_pixels`.", "Shrink it."),
        ('Raise `timeout`. Or use `pages="1"`.', "Use --pages 1."),
        ("Leave out `local_files_only`.", "Leave out --offline."),
        ("Run `smolvlm export X --out DIR`.", "Run `smolvlm export X --out DIR`."),
        ("config.json is damaged. Fetch it.", "config.json is damaged. Fetch it."),
    ],
)
def test_a_remedy_in_flags(python, flags):
    assert in_flags(SmolVLMError("it failed", python)).remedy == flags


def test_a_name_of_the_user_is_no_option():
    error = SmolVLMError("no file at 'max_new_tokens.png'", "Check the path.")
    assert str(in_flags(error)) == str(error)


def test_a_reason_keeps_a_name_that_there_is_no_flag_for():
    error = SmolVLMError("`timeout=0` is not a number of seconds", "Use one above 0.")
    assert in_flags(error).reason == "timeout=0 is not a number of seconds"
    assert feasible("Raise `timeout`.", FLAGS.get) == ""
