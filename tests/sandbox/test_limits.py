"""Documents that cost too much give an error of their own, and the next one is read."""

from __future__ import annotations

import pytest

from smolvlm_tools import BadOptions, DocumentTooCostly, InputError
from smolvlm_tools.pages.worker import DocumentWorker, WorkerLimits
from tests.support.documents import RED_SQUARE, document, pdf_only
from tests.support.hostile_documents import (
    many_stream_headers,
    self_drawing_form,
    slow_page,
    stream_drawn_often,
)
from tests.support.workers import encoded, peak_memory

pytestmark = pdf_only
FEW = 250_000_000
BOMBS = [self_drawing_form, stream_drawn_often, many_stream_headers]


def assert_reads(worker):
    with worker.open(encoded(document(2, content=RED_SQUARE))) as pages:
        assert [page.number for page in pages] == [1, 2]


@pytest.mark.parametrize("bomb", [self_drawing_form, stream_drawn_often])
def test_a_document_that_needs_too_much_memory(bomb):
    with DocumentWorker(limits=WorkerLimits(memory_bytes=FEW)) as worker:
        with peak_memory(worker) as peak, pytest.raises(DocumentTooCostly) as caught:
            worker.open(encoded(bomb())).read(1)
        assert (
            caught.value.reason == "page 1 of paper.pdf needed more than 250,000,000 bytes to read"
        )
        assert 0 < peak[0] <= FEW
        assert_reads(worker)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (WorkerLimits(seconds=1), "longer than 1 s"),
        (WorkerLimits(cpu_seconds=1), "more than 1 s of processor time"),
    ],
    ids=["clock", "processor"],
)
def test_a_page_that_takes_too_long(limits, reason):
    with DocumentWorker(limits=limits) as worker:
        pages = worker.open(encoded(slow_page()))
        with pytest.raises(DocumentTooCostly, match=reason):
            pages.read(1)
        assert_reads(worker)


def test_a_document_that_takes_too_long_to_open_or_is_refused():
    with DocumentWorker(limits=WorkerLimits(seconds=1)) as worker:
        with pytest.raises(InputError):
            worker.open(encoded(many_stream_headers())).read(1)
        assert_reads(worker)


def test_the_other_pages_can_be_read_after_one_that_cannot():
    with DocumentWorker(limits=WorkerLimits(seconds=2)) as worker:
        pages = worker.open(encoded(slow_page(before=1, after=1)))
        assert len(pages) == 3
        with pytest.raises(DocumentTooCostly, match=r"^page 2 of .* took longer"):
            pages.read(2)
        assert [pages.read(number).number for number in (3, 1)] == [3, 1]


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_at_the_limits_that_users_have(bomb):
    with DocumentWorker() as worker:
        with peak_memory(worker) as peak, pytest.raises(InputError) as caught:
            worker.open(encoded(bomb())).read(1)
        print(bomb.__name__, type(caught.value).__name__, f"{peak[0]:,} bytes at most")
        assert 0 < peak[0] <= 1_000_000_000
        assert_reads(worker)


@pytest.mark.parametrize(
    "limits",
    [
        {"memory_bytes": 1000},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"cpu_seconds": 0},
        {"open_files": 3},
        {"idle_seconds": -1.0},
    ],
)
def test_limits_that_nothing_could_keep(limits):
    with pytest.raises(BadOptions, match=next(iter(limits))):
        WorkerLimits(**limits)
