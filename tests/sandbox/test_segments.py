"""Memory that children fill: neither changed by them in size, nor kept, nor copied."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import psutil
import pytest

from smolvlm_tools.images import ImagePolicy, load_image
from smolvlm_tools.images.mapped import map_pixels
from smolvlm_tools.sandbox.segments import AVAILABLE, Segment, map_segment
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
    assert mapped() == []
    me = psutil.Process()
    before = me.memory_full_info().pss
    image = load_image(data, THERE)
    assert mapped() == [2048 * 1536 * 4]
    image.pixels.histogram()  # reads each of its pages
    grown = me.memory_full_info().pss - before
    assert 0 < grown < 1.3 * 2048 * 1536 * 4
    del image
    gc.collect()
    assert mapped() == []
    assert me.memory_full_info().pss - before < 0.5 * 2048 * 1536 * 4


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
