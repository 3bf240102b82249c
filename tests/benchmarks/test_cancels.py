"""Requests are given up in every stage and way: none is stuck, and nothing is left behind."""

from __future__ import annotations

import pytest

from benchmarks import cancels
from benchmarks.cancelling.sources import slow_page
from benchmarks.cancelling.trials import MOMENTS, SURFACES, Cancel, Outcome, give_up
from benchmarks.cancelling.watch import Kept
from smolvlm_tools.errors import DocumentTooCostly
from smolvlm_tools.images import EncodedImage
from smolvlm_tools.pages.worker import DocumentWorker, WorkerLimits
from tests.support.documents import pdf_only

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


def check(outcome: Outcome) -> None:
    """No time is looked at, but that nothing took longer than `PATIENCE`."""
    assert [each for each in outcome.cancels if each.seconds is None] == []
    assert outcome.wrong == [] and outcome.good > 0
    assert outcome.after.children == outcome.before.children == 0
    assert outcome.after.descriptors <= outcome.before.descriptors
    assert outcome.after.threads <= outcome.before.threads + cancels.THREADS


@pdf_only
@pytest.mark.timeout(300)
def test_some_requests_that_are_given_up_leave_nothing_behind() -> None:
    outcome = give_up(SURFACES, 16, seed=16, tell=lambda _: None)
    check(outcome)
    assert len(outcome.cancels) == 16
    assert {each.surface for each in outcome.cancels} == set(SURFACES)
    assert len({each.moment for each in outcome.cancels}) > len(MOMENTS) / 2


@pdf_only
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_requests_that_are_given_up_leave_nothing_behind() -> None:
    check(give_up(SURFACES, 1000, seed=1, tell=lambda _: None))


@pdf_only
def test_the_slow_page_is_slow() -> None:
    with DocumentWorker(limits=WorkerLimits(seconds=2)) as worker:
        document = worker.open(EncodedImage(slow_page(), "slow.pdf"))
        assert len(document) == 1
        with pytest.raises(DocumentTooCostly, match="took longer than 2 s"):
            document.read(1)


def outcome_of(*seconds: float | None, **more: object) -> Outcome:
    cancels_ = [Cancel("python", "close", "decode", each) for each in seconds]
    kept = Kept(children=0, threads=9, descriptors=12)
    whole = Outcome(cancels_, 0, [0.01], kept, kept, 1, [])
    return whole._replace(**more)


def test_figures_are_of_those_that_ended() -> None:
    found = cancels.figures(outcome_of(*[0.01] * 98, 0.1, 0.2, None).cancels)
    assert found == {
        "cancels": 101,
        "p50": 10.0,
        "p95": 10.0,
        "p99": 100.0,
        "max": 200.0,
        "stuck": 1,
    }


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (outcome_of(0.01), []),
        (outcome_of(0.01, None), ["1 were stuck for 10 s"]),
        (outcome_of(0.3), ["p99 is 300.0 ms"]),
        (outcome_of(0.3, step_seconds=[0.2]), []),
        (outcome_of(0.01, wrong=["a cat"]), ["1 good answers were wrong"]),
        (outcome_of(0.01, after=Kept(1, 9, 12)), ["1 children are left"]),
        (outcome_of(0.01, after=Kept(0, 30, 12)), ["threads: 9, then 30"]),
        (outcome_of(0.01, after=Kept(0, 9, 13)), ["descriptors: 12, then 13"]),
    ],
)
def test_what_is_not_as_it_has_to_be_is_said(outcome: Outcome, said: list[str]) -> None:
    assert cancels.failures(outcome) == said
    assert (said or ["All as it has to be."])[0] in cancels.table(cancels.report(outcome))
