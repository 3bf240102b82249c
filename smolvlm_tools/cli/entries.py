"""What a command has found, image after image, in the form that was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import Any, Literal, TypeAlias

import typer

from ..errors import BadOptions, InputError, OutOfMemoryBudget, SmolVLMError
from .console import Answers, report
from .images import Place
from .process import BAD_INPUT, INCOMPLETE
from .wording import in_flags

Form: TypeAlias = Literal["text", "json", "jsonl"]


def parse_form(as_json: bool, as_jsonl: bool) -> Form:
    """What --json and --jsonl together ask for.

    Raises:
        BadOptions: both were given.
    """
    if as_json and as_jsonl:
        raise BadOptions("--json and --jsonl exclude each other", "Leave one of them out.")
    return "json" if as_json else "jsonl" if as_jsonl else "text"


class Entries:
    """One entry for each image or page: a line of --jsonl at once, or all together by --json."""

    def __init__(self, answers: Answers, form: Form) -> None:
        self.answers, self._form = answers, form
        self._entries: list[dict[str, Any]] = []
        self._alone = True
        self._failed = False

    def take(self, place: Place, get: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """Add and return what `get` gives; an error where the image is broken or too large.

        Raises:
            BadOptions: what was asked for is impossible for any image.
            SmolVLMError: any other failure that is not the image's fault.
        """
        try:
            entry = get()
        except BadOptions:
            raise
        except (InputError, OutOfMemoryBudget) as error:
            self.fail(place, error)
            return None
        self._add(place, entry)
        return entry

    def fail(self, place: Place, error: SmolVLMError) -> None:
        """Add that there is nothing about an image, and say so on stderr."""
        report(error)
        self._failed = True
        told = in_flags(error)
        fault = {"code": told.code, "reason": told.reason, "remedy": told.remedy}
        self._add(place, {"error": fault})

    def _add(self, place: Place, data: dict[str, Any]) -> None:
        self._alone &= place.alone
        if self._form == "jsonl":
            self.answers.json_line(place.entry(data))
        elif self._form == "json":
            self._entries.append(place.entry(data))

    @contextlib.contextmanager
    def kept(self) -> Generator[None]:
        """Print what there is for --json at the end, also if Ctrl-C or a failure comes before."""
        try:
            yield
        except (KeyboardInterrupt, SmolVLMError):
            if self._entries:
                self._print()
            raise
        self._print()

    def _print(self) -> None:
        """Print an object for a single image or page, else a list."""
        if self._form == "json":
            self.answers.json(self._entries[0] if self._alone else self._entries)

    def finish(self, *, incomplete: bool = False) -> None:
        """End the command.

        Raises:
            typer.Exit: an image could not be used, or else an answer is `incomplete`.
        """
        if self._failed:
            raise typer.Exit(BAD_INPUT)
        if incomplete:
            raise typer.Exit(INCOMPLETE)
