"""Several workers, shared by threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from smolvlm_tools import BadOptions, Closed, DocumentTooCostly
from smolvlm_tools.pages import open_pages
from smolvlm_tools.pages.worker import WorkerLimits, WorkerPool
from tests.support.documents import document, pdf_only
from tests.support.hostile_documents import self_drawing_form, slow_page
from tests.support.workers import encoded, is_gone, wait_until

pytestmark = pdf_only


def drawing(number: int) -> bytes:
    return document(4, content=b"1 0 0 rg %d 500 50 50 re f" % (number * 10))


def test_eight_threads_over_two_workers():
    def read(number):
        with pool.open(encoded(drawing(number)), longest_edge=200) as pages:
            return [page.sha256 for page in pages]

    with WorkerPool(2) as pool, ThreadPoolExecutor(8) as threads:
        found = [*threads.map(read, range(24))]
        pids = pool.pids
        assert 1 <= len(pids) <= 2
    for number, digests in enumerate(found):
        with open_pages(drawing(number), longest_edge=200) as pages:
            assert digests == [page.sha256 for page in pages]
    assert all(is_gone(pid) for pid in pids)


def test_more_documents_open_than_a_child_keeps():
    with WorkerPool(1) as pool:
        every = [pool.open(encoded(drawing(number)), longest_edge=100) for number in range(12)]
        digests = [pages.read(1).sha256 for pages in every]
        assert [pages.read(2).sha256 for pages in every] == digests
        assert len(set(digests)) == 12


def test_bombs_among_honest_documents_fail_alone():
    def read(data):
        with pool.open(encoded(data), longest_edge=200) as pages:
            try:
                return pages.read(1).number
            except DocumentTooCostly as error:
                return error.code

    limits = WorkerLimits(memory_bytes=250_000_000)
    with WorkerPool(2, limits=limits) as pool, ThreadPoolExecutor(8) as threads:
        found = [*threads.map(read, [drawing(1), self_drawing_form(), drawing(2)] * 3)]
    assert found == [1, "document_too_costly", 1] * 3


def test_one_thread_needs_one_child():
    with WorkerPool(3) as pool:
        for _ in range(3):
            with pool.open(encoded(document())) as pages:
                pages.read(1)
        assert len(pool.pids) == 1


def test_a_document_that_hangs_leaves_the_other_worker_free():
    limits = WorkerLimits(seconds=300, cpu_seconds=300)
    with WorkerPool(2, limits=limits) as pool, ThreadPoolExecutor(3) as threads:
        hanging = threads.submit(pool.open(encoded(slow_page())).read, 1)
        with pool.open(encoded(document(9)), longest_edge=100) as pages:
            assert len([*pages]) == 9
        assert not hanging.done()
        waiting = [threads.submit(pool.open(encoded(slow_page())).read, 1)]
        wait_until(lambda: len(pool.pids) == 2)
        waiting.append(threads.submit(pool.open, encoded(document())))
        pool.close()
        for each in (hanging, *waiting):
            assert type(each.exception()) is Closed
        with pytest.raises(Closed):
            pool.open(encoded(document()))


@pytest.mark.parametrize("size", [0, -1])
def test_a_pool_of_nothing(size):
    with pytest.raises(BadOptions, match="reads nothing"):
        WorkerPool(size)
