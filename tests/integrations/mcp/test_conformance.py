from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.judge import (
    EXPECTED,
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    VACUOUS,
    Expectation,
    expectations,
    judge,
    read_results,
)
from tests.conformance.run import SUITES, CannotRun, everything, install

FIXTURE_FREE = {
    "2025-11-25 (0.1.16)": {"server-initialize"},
    "2025-11-25 (0.2.0-alpha.12)": {"server-initialize", "server-session-lifecycle"},
    "2026-07-28 (0.2.0-alpha.12)": {
        "caching",
        "http-header-validation",
        "sep-2164-resource-not-found",
    },
}
"""Scenarios that need nothing of the suite's own server, besides those of every revision."""
EVERYWHERE = {
    "dns-rebinding-protection",
    "prompts-list",
    "resources-list",
    "server-sse-multiple-streams",
    "tools-list",
}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_server_passes_the_official_tools_but_for_what_is_explained():
    try:
        node = install()
    except CannotRun as error:
        pytest.skip(f"the official tools are not to be had here: {error}")
    parts = dict(everything(node))
    rows = [row for part in parts.values() for row in part]
    assert [row for row in rows if row.result == FAILED] == []
    for run in SUITES:
        passed = {row.scenario for row in parts[f"conformance {run}"] if row.result == PASSED}
        assert passed >= FIXTURE_FREE[run] | EVERYWHERE
    assert len(parts["inspector"]) == 2 and len(parts["desktop bundle"]) == 3


def checks(**statuses: str) -> list[dict[str, Any]]:
    return [{"id": name, "status": status} for name, status in statuses.items()]


KNOWN = Expectation({"tool": ("calls a fixture", frozenset({"a"}))}, {"easy": "holds for all"})


def results_of(**results: list[dict[str, Any]]) -> dict[str, str]:
    ran = {"tool": checks(a="FAILURE"), "easy": checks(a="SUCCESS"), **results}
    return {row.scenario: row.result for row in judge(ran, KNOWN)}


def test_a_scenario_passes_if_a_check_holds_and_none_fails():
    assert results_of(ping=checks(a="SUCCESS", b="SKIPPED", c="INFO")) == {
        "tool": NOT_APPLICABLE,
        "easy": VACUOUS,
        "ping": PASSED,
    }


@pytest.mark.parametrize("status", ["FAILURE", "WARNING"])
def test_a_failing_check_that_is_not_explained_fails_its_scenario(status):
    assert results_of(ping=checks(a="SUCCESS", b=status))["ping"] == FAILED
    assert results_of(tool=checks(a="FAILURE", b=status))["tool"] == FAILED
    assert results_of(easy=checks(a=status))["easy"] == FAILED


def test_an_explained_failure_that_is_none_any_more_is_reported():
    assert results_of(tool=checks(a="SUCCESS"))["tool"] == FAILED


def test_a_scenario_that_checks_nothing_or_does_not_run_fails():
    assert results_of(ping=checks(a="SKIPPED"))["ping"] == FAILED
    assert {row.result for row in judge({}, KNOWN)} == {FAILED}


def test_every_exception_names_a_reason_and_the_checks_that_fail():
    told = json.loads(EXPECTED.read_text())
    assert told["runs"].keys() == SUITES.keys()
    used = {
        entry["reason"] for run in told["runs"].values() for entry in run["not_applicable"].values()
    }
    assert used == told["reasons"].keys()
    for run in SUITES:
        exceptions = expectations(run).not_applicable
        assert not exceptions.keys() & (FIXTURE_FREE[run] | EVERYWHERE)
        assert all(failing for _, failing in exceptions.values())


def test_results_are_read_by_the_name_of_their_scenario(tmp_path: Path):
    folder = tmp_path / "server-tools-list-2026-11-23T13-44-04-684Z"
    folder.mkdir()
    (folder / "checks.json").write_text(json.dumps(checks(a="SUCCESS")))
    assert read_results(tmp_path) == {"tools-list": checks(a="SUCCESS")}


def test_the_tools_are_pinned_and_their_lockfile_names_no_registry():
    folder = EXPECTED.parent
    package = json.loads((folder / "package.json").read_text())
    lock = json.loads((folder / "package-lock.json").read_text())
    wanted = package["dependencies"] | package["optionalDependencies"]
    assert all(version.rpartition("@")[2][0].isdigit() for version in wanted.values())
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
