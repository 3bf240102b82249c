"""Peaks of a process's memory."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from smolvlm_tools.machine.meter import LinuxProcess, Meter, SampledLinuxProcess, resident
from tests.support.memory import MB


@pytest.mark.parametrize("mark", [LinuxProcess, SampledLinuxProcess])
def test_a_span_sees_a_peak_that_is_over_when_it_ends(mark):
    meter = Meter(mark())
    span = meter.start()
    before = meter.now()
    block = np.ones(60 * MB // 8)
    threading.Event().wait(0.05)  # for the one that only looks now and then
    del block
    assert span.end() >= before + 50 * MB
    quiet = meter.start()
    assert quiet.end() < before + 30 * MB


def test_a_span_inside_another_does_not_take_its_peak_away():
    meter = resident()
    outer = meter.start()
    before = meter.now()
    block = np.ones(60 * MB // 8)
    del block
    meter.start().end()
    assert outer.end() >= before + 50 * MB
