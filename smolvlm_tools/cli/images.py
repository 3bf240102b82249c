"""The IMAGE arguments of a command: reading them, and going on when one is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from ..errors import BadOptions, InputError, OutOfMemoryBudget
from ..images import ImagePolicy
from .console import Answers, report
from .process import BAD_INPUT, INCOMPLETE


def each_image(
    images: Sequence[str], use: Callable[[str, str | bytes], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Call `use` on one image after the other, also after a broken one.

    Args:
        images: the arguments; "-" is standard input.
        use: gets the argument and the image's source, and returns JSON data.

    Returns:
        What `use` returned; for an image that is broken or takes too much memory,
        `{"image": …, "error": …}`.

    Raises:
        BadOptions: what was asked for is impossible for any image.
        SmolVLMError: any other failure that is not the image's fault.
    """
    if images.count("-") > 1:
        raise BadOptions("- is given more than once", "Standard input holds one image.")
    entries: list[dict[str, Any]] = []
    for image in images:
        try:
            # One byte more than an image may have, so that a longer one is refused.
            source = sys.stdin.buffer.read(ImagePolicy().max_bytes + 1) if image == "-" else image
            entries.append(use(image, source))
        except BadOptions:
            raise
        except (InputError, OutOfMemoryBudget) as error:
            report(error)
            fault = {"code": error.code, "reason": error.reason, "remedy": error.remedy}
            entries.append({"image": image, "error": fault})
    return entries


def finish(
    answers: Answers, entries: list[dict[str, Any]], as_json: bool, *, incomplete: bool = False
) -> None:
    """Print the entries if JSON was asked for: one as an object, several as a list.

    Raises:
        typer.Exit: an image could not be used, or else an answer is `incomplete`.
    """
    if as_json:
        answers.json(entries[0] if len(entries) == 1 else entries)
    if any("error" in entry and isinstance(entry.get("image"), str) for entry in entries):
        raise typer.Exit(BAD_INPUT)
    if incomplete:
        raise typer.Exit(INCOMPLETE)
