"""The soak, short: every surface survives it, and its arithmetic is right. Long: `make soak`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.soak import SURFACES, main
from benchmarks.soaking import prometheus, sampling
from benchmarks.soaking.hostile import bad_calls
from benchmarks.soaking.mix import Mix
from benchmarks.soaking.outcomes import BUSY, HUNG, OK, Outcome, Tally, of_message, percentile
from benchmarks.soaking.run import Measured, Plan, soak
from benchmarks.soaking.sampling import Sample
from benchmarks.soaking.verdicts import MB, verdicts
from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.tools import Toolbox, agent_policy
from tests.support.paths import ROOT

GROWTH = 200
"""MB: in a few seconds caches fill; the bound of 32 MB is for a longer run."""
LEFT_OVER = 12
"""Descriptors: of decoding processes that are started when they are first needed."""


def kept(measured: Measured) -> dict[str, bool | None]:
    return {verdict.what: verdict.kept for verdict in verdicts(measured)}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Looks often, and waits less for a service to be quiet."""
    monkeypatch.setattr(sampling, "EVERY", 0.5)
    monkeypatch.setattr(sampling, "SETTLED", 3)


@pytest.mark.parametrize(
    "surface",
    [pytest.param(name, marks=() if name == "mcp-http" else pytest.mark.slow) for name in SURFACES],
)
def test_a_few_seconds_of_mixed_traffic_leave_nothing_behind(surface: str):
    pytest.importorskip("mcp")
    measured = Measured()
    plan = Plan(seconds=3, warm_up=1, clients=12, bad=30, max_queue=2)
    asyncio.run(soak(SURFACES[surface], plan, measured, lambda text: None))
    tally = measured.tally
    assert tally.total >= plan.clients
    assert (tally.unexpected, tally.examples) == ({}, [])
    assert measured.before is not None and measured.after is not None
    assert measured.after.rss - measured.before.rss < GROWTH * MB
    assert measured.after.descriptors <= measured.before.descriptors + LEFT_OVER
    found = kept(measured)
    assert found["hung or lost"] and found["tracebacks in the log"]


def test_the_command_keeps_what_it_measured_and_says_whether_it_was_enough(tmp_path, capsys):
    path = tmp_path / "soak.json"
    arguments = ["--minutes", "0.03", "--clients", "2", "--surface", "python", "--out", str(path)]
    code = main(arguments)
    shown = capsys.readouterr().out
    report = json.loads(path.read_text())
    assert "| outcomes of the right type | 100.000% of " in shown
    assert report["plan"]["clients"] == 2 and report["before"]["threads"] > 0
    assert code == (1 if any(v["kept"] is False for v in report["verdicts"]) else 0)
    assert main(["--minutes", "0"]) == 2


def test_ctrl_c_shows_what_was_measured_and_ends_the_server(tmp_path):
    pytest.importorskip("mcp")
    path = tmp_path / "soak.json"
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "5", "--clients", "2"]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "integrations")])
    with subprocess.Popen(
        [*command, "--out", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "warming up" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)  # as Ctrl-C, which may be ignored where tests run
        shown, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "not measured: interrupted" in shown
    assert json.loads(path.read_text())["after"] is None


@pytest.mark.parametrize("name", bad_calls())
def test_every_bad_call_is_refused_with_its_code(name: str):
    tool, arguments, codes = bad_calls()[name]
    toolbox = Toolbox.load("embedded", policy=agent_policy([]))
    with toolbox, pytest.raises(SmolVLMError) as raised:
        toolbox.call(tool, arguments)
    assert raised.value.code in codes


def test_the_mix_is_the_same_for_a_seed_and_has_its_share_of_bad_requests():
    one, other = (Mix(20, ["img:a", "img:b"], 7) for _ in range(2))
    drawn = [one.draw() for _ in range(2_000)]
    assert drawn == [other.draw() for _ in range(2_000)]
    kinds = Counter(request.kind.split(":")[0] for request in drawn)
    assert 300 < kinds["bad"] < 500
    assert kinds["given up"] > 100
    assert {request.leaving for request in drawn} == {None, "cancel", "disconnect"}
    assert all(OK not in request.expected for request in drawn if request.kind.startswith("bad"))


def test_outcomes_are_read_from_messages():
    busy = {"code": "busy", "reason": "full", "retry_after_seconds": 0.5}
    failed = {"isError": True, "content": [{"text": "busy"}, {"text": json.dumps({"error": busy})}]}
    good = {"isError": False, "structuredContent": {"usage": {"seconds": 0.25}}}
    assert of_message({"result": good}) == Outcome(OK, model_seconds=0.25)
    assert of_message({"result": failed}).retry_after == 0.5
    assert of_message({"error": {"code": -32602, "data": {"code": "unknown_tool"}}}).word == (
        "unknown_tool"
    )
    assert of_message({"error": {"code": -32603}}).word == "rpc -32603"


def quiet(rss: int = 100, descriptors: int = 10, threads: int = 5) -> Sample:
    return Sample(0.0, rss * MB, descriptors, threads, 0, 0)


def test_each_bound_is_broken_by_what_breaks_it():
    right = frozenset({OK, BUSY})
    tally = Tally()
    for _ in range(2_000):
        tally.add("good", right, Outcome(OK, model_seconds=0.5), 1.0)
    measured = Measured(tally=tally, before=quiet(), after=quiet(rss=131, threads=13))
    assert set(kept(measured).values()) == {True, None}
    for number in range(100):
        tally.add("good", right, Outcome(BUSY), 0.2 if number else 0.01)
    for _ in range(3):
        tally.add("good", right, Outcome(HUNG), 60.0)
    measured.after = quiet(rss=133, descriptors=19, threads=14)
    measured.log = ["Traceback (most recent call last):"]
    broken = {what for what, is_kept in kept(measured).items() if is_kept is False}
    assert broken == {
        "outcomes of the right type",
        "hung or lost",
        "time to Busy",
        "resident memory after warm-up",
        "descriptors without clients",
        "threads without clients",
        "tracebacks in the log",
    }
    assert tally.seconds["of it queue, image and way"][0] == 0.5
    assert kept(Measured())["outcomes of the right type"] is False, "nothing was asked"


def test_percentiles_are_values_that_were_measured():
    assert percentile([], 0.5) == 0
    assert percentile([3.0], 0.99) == 3
    assert percentile([float(number) for number in range(100)], 0.95) == 95


def test_stages_are_read_from_prometheus_histograms():
    text = (
        "# HELP smolvlm_calls_waiting x\n"
        "smolvlm_calls_waiting 3.0\n"
        'smolvlm_stage_seconds_bucket{le="0.1",stage="decode"} 90.0\n'
        'smolvlm_stage_seconds_bucket{le="1.0",stage="decode"} 98.0\n'
        'smolvlm_stage_seconds_bucket{le="+Inf",stage="decode"} 100.0\n'
    )
    assert prometheus.waiting(text) == 3
    assert prometheus.stages(text) == {"decode": [0.1, 1.0, float("inf")]}
    assert (prometheus.waiting(""), prometheus.stages("")) == (None, {})
