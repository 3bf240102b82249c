"""What walks through files before Pillow does: any bytes are a result or a typed error, soon."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolvlm_tools import CorruptImage, ImageTooLarge
from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.images.formats import FORMATS
from smolvlm_tools.images.jpeg_segments import check_jpeg, coefficient_bytes
from smolvlm_tools.images.tiff_directories import check_tiff, is_flood
from tests.support.broken_images import GIF, JPEG, NOISE, PNG, TIFF, WEBP, bmp, encode
from tests.support.floods import jpeg_of_scans

POLICY = ImagePolicy()
FILES = {
    "PNG": PNG, "JPEG": JPEG, "GIF": GIF, "WEBP": WEBP, "TIFF": TIFF, "BMP": bmp(64, 64),
}  # fmt: skip
SECONDS = 2
"""Of processor time for 2 MB; what grows by the square takes minutes."""


def walk(kind: str, data: bytes) -> None:
    known = FORMATS[kind]
    for call in (known.check, known.count_frames and count(known.count_frames)):
        if call is not None and known.holds(data):
            try:
                call(data, POLICY, "it")
            except (CorruptImage, ImageTooLarge) as error:
                assert error.remedy


def count(frames: Callable[[bytes, int], int]) -> Callable[..., Any]:
    def call(data: bytes, policy: ImagePolicy, name: str) -> None:
        try:
            assert 1 <= frames(data, policy.max_frames) <= policy.max_frames + 1
        except (IndexError, struct.error):
            assert len(data) < 16  # the reader refuses it

    return call


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=300)
@given(edits=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=8)), max_size=6),
       cut=st.integers(0, 10**6))  # fmt: skip
def test_a_damaged_file_is_walked_to_its_end(
    kind: str, edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(FILES[kind])
    for at, piece in edits:
        at %= len(data)
        data[at : at + len(piece)] = piece
    walk(kind, bytes(data))
    walk(kind, bytes(data[: cut % len(data)]))


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("piece", [b"\0", b"\xff", b"\1", b"\xff\xda", b"\0\0\0\1a", b"\x21\xfe\1"])
def test_long_repetitions_take_little_time(kind: str, piece: bytes) -> None:
    head = FILES[kind][: {"JPEG": 2, "GIF": 13}.get(kind, 40)]
    data = head + piece * (2_000_000 // len(piece))
    began = time.process_time()
    walk(kind, data)
    assert time.process_time() - began < SECONDS


def test_as_many_scans_as_encoders_write_are_accepted() -> None:
    check_jpeg(encode(NOISE.resize((2_000, 2_000)), "JPEG", progressive=True), POLICY, "it")
    check_jpeg(jpeg_of_scans(200, 400), POLICY, "it")
    with pytest.raises(ImageTooLarge, match="more than 500 for its 40,000 pixels"):
        check_jpeg(jpeg_of_scans(200, 501), POLICY, "it")
    with pytest.raises(ImageTooLarge, match=r"more than 40 for its 39,690,000 pixels"):
        check_jpeg(jpeg_of_scans(6_300, 41), POLICY, "it")


@pytest.mark.parametrize("marker", [b"\xff\xdb", b"\xff\xc4", b"\xff\xda"])
def test_padding_before_any_segment_of_the_header_is_bounded(marker: bytes) -> None:
    at = JPEG.index(marker)
    check_jpeg(JPEG[:at] + b"\xff" * 60_000 + JPEG[at:], POLICY, "it")
    with pytest.raises(ImageTooLarge, match="padding"):
        check_jpeg(JPEG[:at] + b"\xff" * 70_000 + JPEG[at:], POLICY, "it")


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\xd0"])
def test_padding_is_bounded_where_nothing_comes_behind_it(filling: bytes) -> None:
    check_jpeg(b"\xff\xd8" + filling * 20_000, POLICY, "it")
    with pytest.raises(ImageTooLarge, match="padding"):
        check_jpeg(b"\xff\xd8" + filling * 70_000, POLICY, "it")


def test_scans_of_a_second_image_behind_the_first_do_not_count() -> None:
    check_jpeg(JPEG + jpeg_of_scans(200, 501), POLICY, "it")


@pytest.mark.parametrize(
    ("options", "blocks"),
    [
        ({}, 0),
        ({"progressive": True}, 64 + 2 * 16),
        ({"progressive": True, "subsampling": 0}, 3 * 64),
    ],
)
def test_coefficients_are_kept_only_for_several_scans(options: dict[str, Any], blocks: int) -> None:
    assert coefficient_bytes(encode(NOISE, "JPEG", **options)) == blocks * 128


def directory(*entries: tuple[int, int, int, int], claimed: int | None = None) -> bytes:
    count = len(entries) if claimed is None else claimed
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + body + bytes(4)


def test_exif_is_a_flood_by_what_is_there_and_not_by_what_it_claims() -> None:
    entry = (274, 3, 1, 1)
    assert not is_flood(b"Exif\0\0" + directory(*[entry] * 20))
    assert not is_flood(directory(*[entry] * 20, claimed=65_535))
    assert is_flood(directory(*[entry] * 1_001))
    assert not is_flood(directory((274, 5, 10**9, 8)))
    assert is_flood(directory((274, 5, 1_001, 8)) + bytes(8 * 1_001))
    inner = directory(*[entry] * 1_001)[8:]
    outer = directory((0x8769, 4, 1, 8 + 2 + 12 + 4))
    assert is_flood(outer + inner)
    assert not is_flood(directory((0x8769, 4, 1, 8)))  # within itself


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"II", b"II+\0" + b"\xff" * 20, b"\xff" * 200])
def test_garbage_exif_is_no_flood(exif: bytes) -> None:
    assert not is_flood(exif)


def test_a_tiff_may_claim_one_strip_for_all_rows() -> None:
    every_row = directory(
        (256, 4, 1, 8), (257, 4, 1, 8), (273, 4, 1, 8), (278, 4, 1, 2**32 - 1)
    )  # fmt: skip
    check_tiff(every_row, POLICY, "it")
    with pytest.raises(CorruptImage, match="has 1 of the 8 strips"):
        check_tiff(directory((256, 4, 1, 8), (257, 4, 1, 8), (273, 4, 1, 8), (278, 3, 1, 1)),
                   POLICY, "it")  # fmt: skip
