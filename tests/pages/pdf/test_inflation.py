"""Deflated parts are checked before PDFium inflates them, in work that is linear in the file."""

from __future__ import annotations

import zlib

import pytest

from smolvlm_tools import ImagePolicy, ImageTooLarge
from smolvlm_tools.images import EncodedImage
from smolvlm_tools.pages.pdf import inflation


def check(data: bytes, limit: int = 1_000_000) -> None:
    inflation.check_inflated(EncodedImage(data, "file.pdf"), ImagePolicy(max_pixels=limit // 4))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were read of each part that was inflated."""
    inflate, found = inflation._inflate, list[int]()

    def counting(data: memoryview, start: int, limit: int) -> tuple[int, int]:
        taken, size = inflate(data, start, limit)
        found.append(taken)
        return taken, size

    monkeypatch.setattr(inflation, "_inflate", counting)
    return found


def test_a_part_within_the_limit_is_accepted_and_one_beyond_is_not():
    check(b"stream\n" + zlib.compress(bytes(900_000)) + b"endstream")
    with pytest.raises(ImageTooLarge, match="inflates to more than 1,000,000 bytes"):
        check(b"stream\r\n" + zlib.compress(bytes(1_100_000)) + b"endstream")


def test_a_part_within_another_is_found():
    inner = b"stream\n" + zlib.compress(bytes(1_100_000))
    outer = zlib.compress(inner, 0)
    assert inner in outer
    with pytest.raises(ImageTooLarge):
        check(b"stream\n" + outer)


def test_headers_without_deflated_data_are_not_inflated(read):
    check(b"stream\n" * 200_000)
    assert read == []


def test_of_damaged_parts_only_the_start_is_read(read):
    check(b"stream\nx\x9c\xff\xff " * 2_000 + bytes(200_000))
    assert len(read) == 2_000
    assert max(read) <= 256


def test_parts_that_lead_through_all_that_follow_are_refused(read):
    # each is a stored block (RFC 1951, section 3.2.4) up to the block header within the next one
    piece = (
        b"stream\nx\x01" + b"\x00" + (9).to_bytes(2, "little") + (0xFFFF - 9).to_bytes(2, "little")
    )
    data = piece * 30_000
    with pytest.raises(ImageTooLarge, match="parts that overlap"):
        check(data, 100_000_000)
    assert sum(read) <= 6 * len(data) + (1 << 20)


def test_a_sound_document_of_many_parts_is_read_once(read):
    parts = b"".join(
        b"stream\n" + zlib.compress(bytes([n % 251]) * 5_000 + b"%d" % n) + b"\nendstream\n"
        for n in range(3_000)
    )
    check(parts)
    assert len(read) == 3_000
    assert sum(read) < len(parts)
