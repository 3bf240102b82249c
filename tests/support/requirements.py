"""What pyproject.toml asks for and what is locked, read as pip reads it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = ROOT / "requirements" / "ci.lock"
OURS = canonicalize_name(PROJECT["name"])


def asked(extra: str | None = None) -> Iterator[Requirement]:
    """The direct dependencies, and those of an extra with the extras of ours that it names."""
    lines = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    for line in lines:
        found = Requirement(line)
        if canonicalize_name(found.name) != OURS:
            yield found
            continue
        for inner in found.extras:
            yield from asked(inner)


def everything() -> list[Requirement]:
    """Every dependency, of the base and of any extra."""
    return [
        *asked(),
        *(found for extra in PROJECT["optional-dependencies"] for found in asked(extra)),
    ]


def locked() -> list[tuple[Requirement, list[str]]]:
    """Each entry of the lock and its hashes."""
    entries = LOCK.read_text().replace("\\\n", " ").splitlines()
    found = [line.split("--hash=") for line in entries if line and not line.startswith("#")]
    return [(Requirement(first.strip()), [h.strip() for h in hashes]) for first, *hashes in found]


def pinned(requirement: Requirement) -> Version:
    """The one version that a requirement `name==version` allows."""
    (only,) = requirement.specifier
    assert only.operator == "==", requirement
    return Version(only.version)
