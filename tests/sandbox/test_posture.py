"""What holds is found by a child that tries, and told to people."""

from __future__ import annotations

import json
import sys

import pytest

from smolvlm_tools import BackendUnavailable
from smolvlm_tools.sandbox import Pool, Posture, find_posture
from smolvlm_tools.sandbox.held import unpack
from smolvlm_tools.sandbox.posture import _posture

FREE = {
    "files": True,
    "writes": True,
    "network": True,
    "programs": True,
    "memory": True,
    "cpu": True,
    "core_dumps": True,
    "confined": {"landlock": 0, "seccomp": False, "missing": "nothing here"},
}


@pytest.fixture(scope="module")
def posture():
    return find_posture()


def test_the_posture_of_this_machine(posture):
    print(posture)
    assert posture.wall == "parent"
    if sys.platform == "linux":
        assert (posture.memory, posture.cpu, posture.core_dumps) == ("kernel",) * 3
    if posture.seccomp:
        assert (posture.network, posture.programs, posture.writes) == ("kernel",) * 3
    if posture.landlock:
        assert posture.files == "kernel"
    assert (posture.missing == "") == (posture.seccomp and bool(posture.landlock))


def test_what_a_child_could_do_nobody_holds_it_to():
    free = _posture((FREE, []))
    assert (free.memory, free.cpu, free.wall) == ("parent",) * 3
    assert {free.files, free.writes, free.network, free.programs, free.core_dumps} == {"no"}
    assert str(free) == (
        "limited by this process: memory, processor time, time; NOT limited: files to read, "
        "files to write, network, programs, core dumps (nothing here)"
    )


def test_where_the_kernel_holds_all():
    every = dict.fromkeys(FREE, False)
    held = _posture(({**every, "confined": {"landlock": 7, "seccomp": True, "missing": ""}}, []))
    assert str(held) == (
        "limited by the kernel: memory, processor time, files to read, files to write, network, "
        "programs, core dumps; limited by this process: time"
    )


def test_a_child_that_does_not_say_is_no_posture():
    with pytest.raises(Exception, match="nonsense"):
        unpack(_posture, ({"memory": False}, []))


def test_no_child_no_posture(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with Pool(1) as pool, pytest.raises(BackendUnavailable):
        find_posture(pool)


def test_the_doctor_says_it(monkeypatch, posture, capsys):
    import smolvlm_tools.cli.machine as machine

    monkeypatch.setattr(machine, "SPECS", {})
    found = machine.diagnose()
    assert found.isolation == posture
    monkeypatch.setattr(machine, "diagnose", lambda: found)
    for as_json in (True, False):
        with pytest.raises(machine.typer.Exit):  # as no backend works
            machine.print_doctor(as_json)
        out = capsys.readouterr().out
        if as_json:
            said = json.loads(out)["isolation"]
            assert Posture(**said) == posture
        else:
            assert "isolated reading: limited" in " ".join(out.split())


def test_a_doctor_without_a_child_says_why(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    import smolvlm_tools.cli.posture as cli_posture

    with Pool(1) as pool:
        monkeypatch.setattr(cli_posture, "find_posture", lambda: find_posture(pool))
        assert "Python interpreter" in cli_posture.posture_or_reason()
