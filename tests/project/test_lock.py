"""What CI installs: every dependency, each at one release, each file known by its hash."""

from __future__ import annotations

import re

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.paths import ROOT
from tests.support.requirements import LOCK, asked, locked, pinned

OTHERWISE = {"torch"}
"""Pinned in constraints.txt: its CPU build isn't the file that the registry has a hash of."""


def test_the_lock_covers_what_development_asks_for():
    versions: dict[str, list[Version]] = {}
    for requirement, _ in locked():
        if requirement.marker is None or requirement.marker.evaluate():
            name = canonicalize_name(requirement.name)
            versions.setdefault(name, []).append(pinned(requirement))
    assert {name for name, found in versions.items() if len(found) > 1} == set()
    wanted = [
        requirement
        for requirement in (*asked(), *asked("dev"))
        if requirement.marker is None or requirement.marker.evaluate({"extra": "dev"})
    ]
    lacking = [
        str(requirement)
        for requirement in wanted
        if requirement.name not in OTHERWISE
        and not any(
            requirement.specifier.contains(version, prereleases=True)
            for version in versions.get(canonicalize_name(requirement.name), [])
        )
    ]
    assert lacking == [], "run `make lock`"


def test_every_entry_has_a_hash_and_one_version():
    for requirement, hashes in locked():
        pinned(requirement)
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement
        assert requirement.url is None


def test_the_lock_names_no_place():
    """Where the files come from is the business of whoever installs."""
    text = LOCK.read_text()
    assert "://" not in text and "index-url" not in text and "find-links" not in text


def test_the_lock_holds_no_torch_and_no_cuda():
    names = {canonicalize_name(requirement.name) for requirement, _ in locked()}
    assert not names & OTHERWISE
    assert not [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]


@pytest.mark.parametrize("name", sorted(OTHERWISE))
def test_what_is_not_locked_is_pinned(name: str):
    assert re.search(rf"^{name}==[\d.]+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
