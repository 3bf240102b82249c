"""The suite itself: what is not held is seen, whatever it is."""

from __future__ import annotations

import os
import socket
import time

import pytest

from tests.support.hostile import trial
from tests.support.hostile.answer import Answer, failed, works
from tests.support.hostile.case import TYPED, Case, Sent, image
from tests.support.hostile.report import failures, summary_rows
from tests.support.hostile.sessions import Ended, Refused
from tests.support.hostile.trial import Attack, Bounds, a_place

CASE = image("a case", lambda: b"x", "corrupt_image")
REFUSAL = Answer("corrupt_image", "It is damaged. Save it again.")


class Scripted:
    """A session in this process that does what it is told."""

    pid = os.getpid()

    def __init__(self, go, good=lambda: works("a circle")):
        self.go, self.good = go, good

    def prepare(self, case, sent, file):
        if case.name == "refused":
            raise Refused("not by this framework")

    def close(self):
        pass


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """The faults of a case for which the session does this."""
    with a_place(tmp_path) as (place, trap):

        def run(go, good=lambda: works("a circle"), case=CASE, bounds=None):
            attack = Attack("python", place, trap, bounds or Bounds(seconds=2, give_up_cpu=1))
            monkeypatch.setattr(attack, "_start", lambda: Scripted(go, good))
            return attack.attempt(case)

        run.place, run.trap = place, trap
        yield run


def test_a_typed_error_that_was_expected_is_held(attempt):
    outcome = attempt(lambda: REFUSAL)
    assert outcome.is_held and outcome.code == "corrupt_image"
    assert attempt(lambda: works("x"), case=image("b", lambda: b"", TYPED | {"works"})).is_held


def test_a_framework_that_refuses_is_no_fault(attempt):
    outcome = attempt(lambda: REFUSAL, case=image("refused", lambda: b""))
    assert outcome.is_held and outcome.code == "refused"


def ends():
    raise Ended("exit code -9")


def dies():
    raise OSError("broken")


@pytest.mark.parametrize(
    ("go", "told"),
    [
        (lambda: failed(ValueError("odd")), "raw exception: ValueError('odd')"),
        (lambda: works("a circle"), "came back as works"),
        (lambda: Answer("image_too_large", "Too large. Shrink it."), "came back as image_too"),
        (lambda: Answer("corrupt_image", "x" * 5_000), "an error of 5,000 characters"),
        (lambda: Answer("corrupt_image", "Traceback (most recent call last)"), "a traceback"),
        (ends, "the process died"),
        (dies, "the process died"),
        (lambda: time.sleep(30), "no answer within 2 s"),
    ],
)
def test_what_is_not_held_is_told(attempt, go, told):
    outcome = attempt(go)
    assert told in "; ".join(outcome.faults)
    assert outcome.case in failures([outcome])
    assert summary_rows([outcome])[1][0][:3] == ["python", 1, 0]


def test_control_characters_in_a_reply_are_told(attempt):
    anything = image("b", lambda: b"")
    for text in ("\x1b[2J", "\u202e", "\u2066", "\ud800"):
        assert "control characters" in attempt(lambda t=text: works(t), case=anything).faults[0]


def test_memory_and_time_are_counted(attempt):
    """Of this process, which is the one that the scripted session names."""

    def hold():
        held = bytearray(400 << 20)
        held[::4096] = b"x" * len(held[::4096])
        return REFUSAL

    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("peaks cannot be reset on this system")
    assert "MiB more" in attempt(hold).faults[0]

    def compute():
        until = time.process_time() + 1
        while time.process_time() < until:
            pass
        return REFUSAL

    enough, little = Bounds(cpu_seconds=0.2), Bounds(give_up_cpu=0.3)
    assert attempt(compute, bounds=enough).faults[0].endswith(" CPU s")
    assert attempt(compute, bounds=little).faults[0] == "no answer within 0.3 CPU s"


def test_bytes_that_get_out_are_told(attempt):
    def connect():
        with socket.create_connection(("127.0.0.1", attempt.trap.port)) as connection:
            connection.sendall(b"GET /secret")
        time.sleep(0.5)
        return REFUSAL

    assert "bytes got out: [b'GET /secret']" in attempt(connect).faults[0]

    def log():
        attempt.place.log.write_text("('10.0.0.1', 80)\n")
        return REFUSAL

    assert "tried to connect" in attempt(log).faults[0]


def test_a_good_request_that_fails_afterwards_is_told(attempt):
    told = attempt(lambda: REFUSAL, good=lambda: Answer("busy", "Busy. Wait.")).faults
    assert told == ["the next good request: busy Busy. Wait."]


def test_a_case_says_what_it_sends():
    sent = CASE.make()
    assert isinstance(CASE, Case) and isinstance(sent, Sent) and sent.data == b"x"
    assert trial.Bounds().cpu_seconds == 2.0
