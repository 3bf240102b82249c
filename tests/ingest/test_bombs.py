"""Documents that cost far more than their size, in a run: an error record each, and it goes on."""

from __future__ import annotations

import threading
import time

import psutil
import pytest

from smolvlm_tools.ingest import Reading, Wish, ingest
from smolvlm_tools.pages.worker import WorkerLimits
from tests.support import hostile_documents
from tests.support.documents import pdf_only
from tests.support.mixed_corpus import book, drawing, encoded, words
from tests.support.records import read_lines

MEMORY = 1_000_000_000
BOMBS = {
    "forms.pdf": hostile_documents.self_drawing_form,
    "streams.pdf": hostile_documents.stream_drawn_often,
    "headers.pdf": hostile_documents.many_stream_headers,
}


@pytest.fixture
def most_resident():
    """The most bytes that a child of this test had in use, and its command; grows by what is seen.

    Children of tests before may still end. A child that has not started its program yet has our
    command, and what is read as its memory is ours.
    """
    most, over = [(0, [""])], threading.Event()
    us, before = psutil.Process(), set(psutil.Process().children())

    def sample():
        while not over.wait(0.01):
            for child in set(us.children()) - before:
                try:
                    command = child.cmdline()
                    if command != us.cmdline():
                        most[0] = max(most[0], (child.memory_info().rss, command))
                except psutil.NoSuchProcess:
                    continue

    thread = threading.Thread(target=sample)
    thread.start()
    yield most
    over.set()
    thread.join()


@pdf_only
def test_bombs_are_error_records_and_the_run_goes_on(vlm, tmp_path, most_resident):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, make in BOMBS.items():
        (folder / name).write_bytes(make())
    (folder / "minutes.pdf").write_bytes(book([words(number) for number in range(5)]))
    for number in range(10):
        (folder / f"{number}.png").write_bytes(encoded(drawing(number)))
    out = tmp_path / "records.jsonl"
    began = time.monotonic()
    summary = ingest(
        folder,
        out,
        engine=vlm,
        wish=Wish(tasks=("transcription",), options={"max_new_tokens": 8}),
        reading=Reading(limits=WorkerLimits(memory_bytes=MEMORY), longest_edge=256),
    )
    found = read_lines(out)
    errors = {each["source"].rpartition("/")[2]: each["error"] for each in found if each["error"]}
    assert set(errors) == set(BOMBS), "an error record each"
    assert {error["code"] for error in errors.values()} <= {
        "document_too_costly",
        "image_too_large",
        "corrupt_image",
    }
    assert summary.pages >= 15 and summary.layer == 5 and len(vlm.asked) == 10
    [(resident, command)] = most_resident
    assert 0 < resident < 1.1 * MEMORY, command
    print(f"{time.monotonic() - began:.1f} s, at most {resident / 1e6:.0f} MB in a child")
