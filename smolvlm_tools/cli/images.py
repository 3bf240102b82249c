"""The IMAGE arguments of a command: where they come from, and what to do when one is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from ..errors import BadOptions, InputError, OutOfMemoryBudget
from .console import Answers, report
from .process import BAD_INPUT

STDIN = "-"


def each_image(
    images: Sequence[str], use: Callable[[str, str | bytes], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Use one image after the other; a broken one does not keep the others from theirs.

    Args:
        images: the arguments.
        use: gets the argument and the image's source, and returns JSON data.

    Returns:
        What `use` returned, and in the place of an image that is broken or takes too much memory
        `{"image": …, "error": …}`.

    Raises:
        BadOptions: what was asked for is impossible for any image.
        SmolVLMError: whatever else has nothing to do with the image.
    """
    if images.count(STDIN) > 1:
        raise BadOptions("- is given more than once", "Standard input holds one image.")
    entries: list[dict[str, Any]] = []
    for image in images:
        try:
            entries.append(use(image, read_source(image)))
        except BadOptions:
            raise
        except (InputError, OutOfMemoryBudget) as error:
            report(error)
            fault = {"code": error.code, "reason": error.reason, "remedy": error.remedy}
            entries.append({"image": image, "error": fault})
    return entries


def finish(answers: Answers, entries: list[dict[str, Any]], as_json: bool) -> None:
    """Print the entries if JSON was asked for: one as an object, several as a list.

    Raises:
        typer.Exit: an image was broken.
    """
    if as_json:
        answers.json(entries[0] if len(entries) == 1 else entries)
    if any("error" in entry for entry in entries):
        raise typer.Exit(BAD_INPUT)


def read_source(argument: str) -> str | bytes:
    """An argument as an image source; `-` is standard input, read as far as images may be long."""
    from ..images import ImagePolicy

    if argument != STDIN:
        return argument
    return sys.stdin.buffer.read(ImagePolicy().max_bytes + 1)
