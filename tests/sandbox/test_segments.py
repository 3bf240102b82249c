"""Memory that children fill: neither changed by them in size, nor kept, nor copied."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

import smolvlm_tools.images.isolated as isolated
import smolvlm_tools.sandbox.segments as segments_module
from smolvlm_tools import BackendUnavailable, InputError
from smolvlm_tools.images import ImagePolicy, load_image
from smolvlm_tools.images.mapped import map_pixels
from smolvlm_tools.sandbox import Pool
from smolvlm_tools.sandbox.segments import AVAILABLE, Segment, Segments, map_segment
from tests.support.image_kinds import RGB, encode

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="descriptors cannot be sent here")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows mappings")
THERE = ImagePolicy(isolate=True)


def mapped() -> list[int]:
    """Sizes of the segments that this process has mapped."""
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if "smolvlm" in line]
    spans = [line.split()[0].split("-") for line in lines]
    return [int(end, 16) - int(start, 16) for start, end in spans]


def test_what_one_side_writes_the_other_reads():
    segment = Segment(10_000)
    other = map_segment(os.dup(segment.fd), 10_000)
    other[:3] = b"abc"
    segment.close_fd()
    segment.close_fd()
    assert segment.memory[:4] == b"abc\0"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux seals memory")
def test_nobody_can_change_the_size():
    segment = Segment(10_000)
    for size in (0, 9_999, 20_000):
        with pytest.raises(PermissionError):
            os.ftruncate(segment.fd, size)
    assert os.fstat(segment.fd).st_size == 10_000


def test_memory_that_is_too_small_for_its_pixels_is_refused():
    with pytest.raises(ValueError, match="400 bytes are not 10x11 pixels"):
        map_pixels(bytearray(400), (10, 11))


@linux_only
def test_an_image_takes_its_memory_once_and_gives_it_back():
    data = encode(RGB.resize((2048, 1536)), "PNG")
    load_image(data, THERE)
    gc.collect()
    others = mapped()  # images that other tests hold
    me = psutil.Process()
    before = me.memory_full_info().pss
    image = load_image(data, THERE)
    assert sorted(mapped()) == sorted([*others, 2048 * 1536 * 4])
    image.pixels.histogram()  # reads each of its pages
    grown = me.memory_full_info().pss - before
    assert 0 < grown < 1.3 * 2048 * 1536 * 4
    del image
    gc.collect()
    assert mapped() == others
    assert me.memory_full_info().pss - before < 0.5 * 2048 * 1536 * 4


def test_memory_is_used_again_once_nobody_holds_it():
    segments = Segments()
    first = segments.take(10_000)
    first.memory[:3] = b"abc"
    held = first.memory
    fd, other = first.fd, segments.take(20_000)
    del first
    assert other.fd != fd and held[:3] == b"abc", "while somebody holds it"
    del held
    again = segments.take(5_000)
    assert (again.fd, again.nbytes, len(again.memory)) == (fd, 5_000, 5_000)
    again_fd, other_fd = again.fd, other.fd
    del again, other
    assert segments.take(20_000).fd == other_fd, "the larger one is kept"
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(again_fd)


def test_memory_is_not_used_again_that_is_large_or_that_a_fork_has_or_when_it_is_closed():
    segments = Segments()

    def is_kept(nbytes, meanwhile=lambda: None):
        segment = segments.take(nbytes)
        fd = segment.fd
        meanwhile()
        del segment
        try:
            os.fstat(fd)
        except OSError:
            return False
        return True

    assert not is_kept((1 << 24) + 1)
    assert not is_kept(10_000, segments_module._count_forks)
    assert is_kept(10_000)
    assert not is_kept(20_000, segments.close)
    assert segments._free is None


def test_memory_that_cannot_be_had_is_an_error_of_ours(monkeypatch):
    def refuse(nbytes):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(segments_module, "_make", refuse)
    with pytest.raises(BackendUnavailable, match=r"10,000 bytes.*Too many open files"):
        Segments().take(10_000)


@linux_only
def test_a_damaged_image_shows_nothing_of_the_one_before(monkeypatch):
    """Where a reader accepts what is missing, as Pillow does for the last rows of some files."""
    white = encode(Image.new("RGB", (600, 400), "white"), "JPEG")
    image = load_image(white, THERE)
    assert image.pixels.getextrema() == ((255, 255),) * 3
    del image
    with Pool(1) as pool:
        monkeypatch.setattr(isolated, "SHARED", pool)
        load_image(white, THERE)
        for cut in range(len(white) - 2, 700, -150):
            try:
                here = load_image(white[:cut])
            except InputError:
                with pytest.raises(InputError):
                    load_image(white[:cut], THERE)
            else:
                assert load_image(white[:cut], THERE).pixels.tobytes() == here.pixels.tobytes()


@linux_only
@pytest.mark.timeout(280)
def test_300_images_leave_nothing_behind():
    files = [encode(RGB.resize(size), kind) for size in ((640, 480), (64, 48))
             for kind in ("PNG", "JPEG", "WEBP")]  # fmt: skip
    broken = files[0][:-200]

    def decode(times):
        for number in range(times):
            if number % 10 == 9:
                with pytest.raises(Exception, match=r"cannot be decoded|damaged"):
                    load_image(broken, THERE)
            else:
                load_image(files[number % len(files)], THERE)
        gc.collect()
        me = psutil.Process()
        children = {child.pid: child.num_fds() for child in me.children()}
        return me.num_fds(), len(mapped()), me.num_threads(), children

    me = psutil.Process()
    before = decode(60)
    rss = me.memory_info().rss
    assert decode(300) == before
    assert me.memory_info().rss - rss < 16_000_000
