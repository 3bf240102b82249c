"""Commands that other packages add, through the entry-point group `smolvlm.commands`.

An entry point names a `typer.Typer` app or a function with typer's annotations. It is imported only
when its command is called; the line about it in the help is read from its source. It cannot replace
a built-in command.

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
from typing import Any

import typer
from typer.main import get_command

from ..errors import BackendUnavailable, ModelError
from .help_pages import PlainCommand, PlainGroup

GROUP = "smolvlm.commands"
SETTINGS = {"help_option_names": ["-h", "--help"]}


class Commands(PlainGroup):
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


class PluginCommand(PlainCommand):
    """Stands in for a command until it is called."""

    def __init__(self, points: list[EntryPoint]) -> None:
        self._points = points  # of one name; more than one is an error once it is called
        first = points[0]
        super().__init__(first.name, help=_first_line(first) or f"A command of {_package(first)}.")

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the real command, which is then the one that runs."""
        if len(self._points) > 1:
            packages = ", ".join(sorted(_package(point) for point in self._points))
            raise ModelError(
                f"several packages add the command {self.name!r}: {packages}",
                "Uninstall all but one.",
            )
        return _real(self._points[0]).make_context(info_name, args, parent, **extra)


def _real(point: EntryPoint) -> Any:
    loaded = _load(point)
    if isinstance(loaded, typer.Typer):
        return get_command(loaded)
    if inspect.isfunction(loaded):
        return get_command(app_of(loaded, point.name))
    raise ModelError(
        f"{point.name!r} of {_package(point)} is {type(loaded).__name__}, not a command",
        "Its entry point has to name a typer.Typer app or a function.",
    )


def app_of(function: Callable[..., Any], name: str) -> typer.Typer:
    """An app whose only command is a function with typer's annotations."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=SETTINGS,
    )
    app.command(name=name, cls=PlainCommand)(function)
    return app


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
        package = _package(point)
        raise ModelError(
            f"{package} does not have its command {point.name!r} where it should ({point.value})",
            f"Reinstall {package}.",
        ) from error


def _requirement(point: EntryPoint) -> str:
    """What to install: the package, with the extra named like the command if it has one."""
    package = _package(point)
    extras = point.dist.metadata.get_all("Provides-Extra") if point.dist else None
    return f"{package}[{point.name}]" if point.name in (extras or ()) else package


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _first_line(point: EntryPoint) -> str:
    """The first line of the command's docstring or help, without importing it; "" if unknown."""
    path = _source(point.module)
    if path is None:
        return ""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ""
    found: object = ""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=point.attr) | ast.AsyncFunctionDef(name=point.attr):
                found = ast.get_docstring(node)
            case (
                ast.Assign(targets=[ast.Name(id=point.attr)], value=ast.Call() as call)
                | ast.AnnAssign(target=ast.Name(id=point.attr), value=ast.Call() as call)
            ):  # typer.Typer(help="…")
                texts = {each.arg: each.value for each in call.keywords}
                found = getattr(texts.get("help"), "value", "")
            case _:
                pass
    text = found if isinstance(found, str) else ""
    return (text or ast.get_docstring(tree) or "").partition("\n")[0]


def _source(module: str) -> Path | None:
    """The file of a module, found without importing anything, not even its package."""
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
