"""What the suite's checks mean for this server; knows expected.json, not how scenarios are run.

Most scenarios call tools, prompts and resources that only the suite's own test server has. Such
checks fail here and are listed in expected.json, each scenario with its reason and with the very
checks that fail: any other failing check counts, and so does a listed one that holds again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECTED = Path(__file__).with_name("expected.json")

_FAILING = ("FAILURE", "WARNING")  # as the suite counts: a warning is a SHOULD that is not met
PASSED, VACUOUS, NOT_APPLICABLE, FAILED = "passes", "passes, says little", "not for us", "FAILS"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        scenario: its name.
        result: one of the four above.
        detail: checks that held, or the reason.
    """

    scenario: str
    result: str
    detail: str


@dataclass(frozen=True)
class Expectation:
    """What is known beforehand about one run of a suite.

    Attributes:
        not_applicable: scenario to reason and failing checks.
        vacuous: scenarios that would hold for nearly any server, and why.
    """

    not_applicable: Mapping[str, tuple[str, frozenset[str]]]
    vacuous: Mapping[str, str]


def expectations(run: str) -> Expectation:
    """What expected.json says of a run."""
    told = json.loads(EXPECTED.read_text())
    reasons, known = told["reasons"], told["runs"][run]
    return Expectation(
        not_applicable={
            scenario: (reasons.get(entry["reason"], entry["reason"]), frozenset(entry["checks"]))
            for scenario, entry in known["not_applicable"].items()
        },
        vacuous=known["vacuous"],
    )


def judge(results: Mapping[str, Sequence[Mapping[str, Any]]], expected: Expectation) -> list[Row]:
    """Rows of the table.

    Args:
        results: scenario to its checks (`id`, `status`, `errorMessage`).
        expected: what is known.
    """
    rows = [_row(scenario, checks, expected) for scenario, checks in results.items()]
    known = [*expected.not_applicable, *expected.vacuous]
    rows += [Row(name, FAILED, "did not run") for name in known if name not in results]
    return rows


def _row(scenario: str, checks: Sequence[Mapping[str, Any]], expected: Expectation) -> Row:
    held = sum(check["status"] == "SUCCESS" for check in checks)
    failing = {check["id"]: check for check in checks if check["status"] in _FAILING}
    reason, known = expected.not_applicable.get(scenario, ("", frozenset[str]()))
    surprises = [f"{name}: {failing[name].get('errorMessage')}" for name in failing.keys() - known]
    surprises += [f"{name} holds now: take it from expected.json" for name in known - {*failing}]
    if surprises:
        return Row(scenario, FAILED, "; ".join(sorted(surprises)))
    if failing:
        others = f" ({held} other checks hold)" if held else ""
        return Row(scenario, NOT_APPLICABLE, reason + others)
    if scenario in expected.vacuous:
        return Row(scenario, VACUOUS, expected.vacuous[scenario])
    if not held:
        return Row(scenario, FAILED, "nothing was checked")
    return Row(scenario, PASSED, f"{held} checks")


def read_results(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Checks of each scenario, from what the suite wrote (`server-NAME-TIME/checks.json`)."""
    results: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("server-*/checks.json")):
        # server-<scenario>-2026-11-23T13-44-04-684Z
        scenario = file.parent.name.removeprefix("server-").rsplit("-", 6)[0]
        results[scenario] = json.loads(file.read_text())
    return results
