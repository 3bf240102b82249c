"""No release with a known hole that reaches us is allowed by pyproject.toml."""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.broken_images import chunk, png
from tests.support.paths import ROOT
from tests.support.requirements import OURS, PROJECT, everything, pinned

HOLES = {
    "filelock": ("3.20.2", "CVE-2026-22701: a lock that is swapped for a link is followed"),
    "h11": ("0.14.0", "CVE-2025-43859: request smuggling through chunk ends"),
    "langchain-core": ("1.2.4", "CVE-2025-68664: dumps lets data pass for objects"),
    "onnxruntime": ("1.23.2", "external weights outside the model's folder; 1.22.1 seen here too"),
    "pillow": ("12.3.0", "a PNG of 1 MB with eXIf takes 1.9 GB"),
    "pillow-heif": ("1.3.0", "libheif 1.21.2, CVE-2026-32741: a write past a mask's end"),
    "pyarrow": ("14.0.0", "CVE-2023-47248: reading a file runs code"),
    "python-multipart": ("0.0.26", "CVE-2026-42561: part headers without end"),
    "ray": ("2.54.1", "CVE-2026-41486: Parquet's metadata is unpickled"),
    "starlette": ("0.49.0", "CVE-2025-62727: a Range header takes quadratic time"),
    "torch": ("2.5.1", "CVE-2025-32434: loading weights runs code"),
}
"""The last release with the hole, and the hole."""

TAGS, EACH = 2000, 500_000
LIMIT = 250_000_000
"""Bytes of memory: the file is 0.5 MB, Pillow itself 30 MB; a copy for each tag would be 1 GB."""


@pytest.mark.parametrize("name", HOLES)
def test_the_last_release_with_the_hole_is_not_allowed(name: str):
    version, why = HOLES[name]
    asked = [found for found in everything() if canonicalize_name(found.name) == name]
    assert asked, f"{name} is no dependency any more: drop its hole"
    allowed = [str(found) for found in asked if found.specifier.contains(version)]
    assert allowed == [], why


def test_the_oldest_frameworks_that_are_tested_are_the_oldest_allowed():
    wanted = ("langchain-core", "llama-index-core")
    floors = {
        found.name: Version(part.version)
        for found in everything()
        if found.name in wanted
        for part in found.specifier
        if part.operator == ">="
    }
    lines = (
        line.partition("#")[0] for line in (ROOT / "tests/oldest.txt").read_text().splitlines()
    )
    pins = [found for found in map(Requirement, filter(str.strip, lines)) if "==" in str(found)]
    frameworks = {found.name: pinned(found) for found in pins if not found.name.endswith("-tests")}
    assert frameworks == floors


def test_python_is_one_that_the_floors_run_on():
    assert PROJECT["requires-python"] == ">=3.11"
    assert OURS == "smolvlm-tools"


def test_tags_that_share_their_data_are_not_read_once_each():
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=png_of_many_tags(),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    assert int(done.stdout) < LIMIT


READ = """
import io, sys, warnings
import psutil
from PIL import Image
warnings.simplefilter("ignore")
image = Image.open(io.BytesIO(sys.stdin.buffer.read()))
image.load()
tags = dict(image.getexif())
print(psutil.Process().memory_info().rss)
"""


def png_of_many_tags() -> bytes:
    """A 1×1 PNG whose eXIf has TAGS tags that all point at the same EACH bytes."""
    start = 8 + 2 + 12 * TAGS + 4
    exif = io.BytesIO()
    exif.write(b"II*\0" + struct.pack("<IH", 8, TAGS))
    for tag in range(TAGS):
        exif.write(struct.pack("<HHII", 40_000 + tag, 7, EACH, start))
    exif.write(bytes(4 + EACH))
    return png(1, 1, extra=chunk(b"eXIf", exif.getvalue()))
