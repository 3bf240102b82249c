"""The benchmark of ingestion measures what it says, and its arithmetic is right."""

from __future__ import annotations

from benchmarks.ingest import growth_row, pages_row, ratio_row
from benchmarks.ingestion.inputs import TINY_SIZE, write_books, write_images
from benchmarks.ingestion.measure import beside_batch, born_digital
from smolvlm_tools.pages import open_pages


def test_every_page_and_image_is_another_one(tmp_path) -> None:
    images = [path.read_bytes() for path in write_images(tmp_path, 600, TINY_SIZE)]
    assert len(set(images)) == 600
    write_books(tmp_path, 10, books=2)
    texts: set[str] = set()
    for name in ("book0.pdf", "book1.pdf"):
        with open_pages(tmp_path / name) as pages:
            assert len(pages) == 5
            for number in range(1, 6):
                layer = pages.text(number)
                assert layer is not None and layer.is_sound
                assert len(layer.text) > 2_500
                texts.add(layer.text)
    assert len(texts) == 10


def test_both_ways_take_their_turns() -> None:
    answer = beside_batch("embedded", images=3, rounds=2, new_tokens=4)
    assert len(answer["batch"]) == len(answer["ingest"]) == 2
    pages = born_digital(8)
    assert pages["seconds"] > 0 and pages["cpu_seconds"] > 0


def test_the_ratio_is_that_of_the_medians() -> None:
    answer = {"batch": [1.0, 9.0, 2.0], "ingest": [2.0, 2.5, 3.0], "images": 5, "load": 0.5}
    row = ratio_row("of batch", "batch", 0.9, answer)
    assert (row.figure, row.is_met) == ("0.80 times (2.0 images/s)", False)
    assert growth_row({"bytes": 5e6, "images": 10, "seconds": 2.0, "load": 1}).is_met
    assert not pages_row({"seconds": 21.0, "cpu_seconds": 1.0, "load": 1}).is_met
