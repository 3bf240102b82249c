"""What a worker says of a file. Findings are in the ledger by then; a report has their keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ...errors import BadOptions, SmolVLMError
from ...sandbox.coding import decode_error, encode_error
from ..record import Found
from ..units import Unit, found_of


@dataclass(frozen=True, slots=True)
class Report:
    """One file, read.

    Attributes:
        number: of the file in the run.
        sha256: of its content; None where it could not be read.
        units: its pages, without their findings where the ledger has those; None where another
            file has the same content, and tells of it.
    """

    number: int
    sha256: str | None
    units: tuple[Unit, ...] | None

    def whole(self, find: Callable[[str], str | None]) -> Iterable[Unit]:
        """Its pages with what the ledger has of them.

        Raises:
            BadOptions: the ledger has less than it had.
        """
        for unit in self.units or ():
            if unit.key is None:
                yield unit
            elif body := find(unit.key):
                yield replace(unit, found=found_of(body))
            else:
                raise BadOptions(
                    f"the ledger has lost what was found out about {unit.source!r}",
                    "Run it again.",
                )


def report_json(report: Report) -> str:
    """A report as text that any store of columns takes: ASCII."""
    units = report.units and [
        {
            "page": unit.page,
            "pages": unit.pages,
            "key": unit.key,
            "is_new": unit.is_new,
            "found": [] if unit.key else [each.model_dump(mode="json") for each in unit.found],
        }
        for unit in report.units
    ]
    return json.dumps({"number": report.number, "sha256": report.sha256, "units": units})


def failure_json(error: SmolVLMError) -> str:
    """Why a worker cannot go on, in place of a report."""
    return json.dumps({"failure": encode_error(error, "the run")[0]})


def read_report(text: str, name: Callable[[int], str]) -> Report:
    """The report that a text is.

    Args:
        name: of the file with a number.

    Raises:
        SmolVLMError: the worker's, if it could not go on.
    """
    data = json.loads(text)
    if "failure" in data:
        raise decode_error((data["failure"], []))
    source, sha256 = name(data["number"]), data["sha256"]
    units = data["units"] and tuple(_unit(source, sha256, each) for each in data["units"])
    return Report(data["number"], sha256, units)


def _unit(source: str, sha256: str | None, data: dict[str, Any]) -> Unit:
    found = [Found.model_validate(each) for each in data["found"]]
    return Unit(source, sha256, data["page"], data["pages"], data["key"], found, data["is_new"])
