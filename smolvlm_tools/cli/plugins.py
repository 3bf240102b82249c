"""Commands that other packages add, through the entry-point group `smolvlm.commands`.

Knows entry points; no adapter. An entry point names a `typer.Typer` app or a function with typer's
annotations. It is imported when its command is called, not before: the line about it in the help is
read from its source. A built-in command cannot be replaced.

    [project.entry-points."smolvlm.commands"]
    mcp = "smolvlm_mcp.command:command"
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ..errors import BackendUnavailable, ModelError

GROUP = "smolvlm.commands"
SETTINGS = {"help_option_names": ["-h", "--help"]}


class Commands(TyperGroup):
    """The built-in commands, then those of other packages."""

    def list_commands(self, ctx: Any) -> list[str]:
        own = super().list_commands(ctx)
        return own + sorted({point.name for point in entry_points(group=GROUP)} - set(own))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        points = list(entry_points(group=GROUP, name=cmd_name))
        return PluginCommand(points) if points else None


class PluginCommand(TyperCommand):
    """Stands for a command until it is called.

    Args:
        points: the entry points of that name; more than one is an error once it is called.
    """

    def __init__(self, points: list[EntryPoint]) -> None:
        self._points = points
        super().__init__(points[0].name, help=_first_line(points[0]) or _origin(points[0]))

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the real command, which then is the one that runs.

        Raises:
            BackendUnavailable: what it needs is not installed.
            ModelError: it is no command, or several packages bring one of that name.
        """
        if len(self._points) > 1:
            packages = ", ".join(sorted(_package(point) for point in self._points))
            raise ModelError(
                f"the command {self.name!r} is brought by several packages: {packages}",
                "Uninstall all but one.",
            )
        return _real(self._points[0]).make_context(info_name, args, parent, **extra)


def _real(point: EntryPoint) -> Any:
    loaded = _load(point)
    if isinstance(loaded, typer.Typer):
        return get_command(loaded)
    if inspect.isfunction(loaded):
        app = typer.Typer(add_completion=False, rich_markup_mode="rich", context_settings=SETTINGS)
        app.command(name=point.name)(cast("Callable[..., Any]", loaded))
        return get_command(app)
    raise ModelError(
        f"the command {point.name!r} of {_package(point)} is {type(loaded).__name__}, no command",
        "Its entry point has to name a typer.Typer app or a function.",
    )


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except ImportError as error:
        missing = error.name or str(error)
        raise BackendUnavailable(
            f"the command {point.name!r} cannot be loaded: {missing} is missing or broken",
            f"Run `pip install {_requirement(point)!r}`.",
        ) from error
    except AttributeError as error:
        raise ModelError(
            f"the command {point.name!r} of {_package(point)} is not where it says it is "
            f"({point.value})",
            f"Install {_package(point)} anew.",
        ) from error


def _requirement(point: EntryPoint) -> str:
    """What to install: the package with the extra that is named like the command, if there is."""
    package = _package(point)
    extras = point.dist.metadata.get_all("Provides-Extra") if point.dist else None
    return f"{package}[{point.name}]" if point.name in (extras or ()) else package


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _origin(point: EntryPoint) -> str:
    return f"A command of {_package(point)}."


def _first_line(point: EntryPoint) -> str:
    """The first line of the command's docstring or help, without importing it; "" if unknown."""
    path = _source(point.module)
    if path is None:
        return ""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ""
    told = ""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == point.attr:
            told = ast.get_docstring(node) or ""
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and _assigns(node, point.attr):
            told = _help_of(node.value)
    return (told or ast.get_docstring(tree) or "").partition("\n")[0]


def _source(module: str) -> Path | None:
    """The file of a module of which nothing is imported, not even its package."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *rest)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _help_of(value: ast.expr | None) -> str:
    """The text in `Typer(help="…")`."""
    for keyword in value.keywords if isinstance(value, ast.Call) else ():
        given = keyword.value
        if keyword.arg == "help" and isinstance(given, ast.Constant):
            return given.value if isinstance(given.value, str) else ""
    return ""
