"""What a child gives up once it has loaded what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from .limits import WorkerLimits, limit_resources

FONTS = (
    "/usr/share/fonts",
    "/usr/share/X11/fonts",
    "/usr/local/share/fonts",
)
"""Where PDFium looks for fonts that a document names and does not bring along, on Linux."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """How a process is confined.

    Attributes:
        landlock: version of the kernel's interface; 0 without.
        seccomp: whether its system calls are filtered.
        missing: why it has not all of both; "" if it has.
    """

    landlock: int = 0
    seccomp: bool = False
    missing: str = ""


_confinement = Confinement(missing="this process is not confined")


def confinement() -> Confinement:
    """How this process is confined."""
    return _confinement


def confine(limits: WorkerLimits) -> None:
    """Limit this process for good, as far as the system can.

    What it cannot do is left out: containers often refuse one or the other.
    """
    global _confinement
    limit_resources(limits)
    _confinement = _give_up()


def _give_up() -> Confinement:
    if sys.platform != "linux":
        return Confinement(missing=f"there is neither Landlock nor seccomp on {sys.platform}")
    try:
        from . import landlock, seccomp
        from .kernel import give_up_privileges
    except ImportError as error:  # Python can be built without ctypes
        return Confinement(missing=str(error))
    missing: list[str] = []
    known, filters = 0, False
    try:
        give_up_privileges()
        known = landlock.read_only(_readable())
        missing += [] if known else ["this kernel has no Landlock"]
    except OSError as error:
        missing.append(f"Landlock: {error.strerror}")
    try:
        filters = seccomp.allow_computing_only()
        missing += [] if filters else ["this kernel has no seccomp, or this machine is unknown"]
    except OSError as error:
        missing.append(f"seccomp: {error.strerror}")
    return Confinement(known, filters, "; ".join(missing))


def _readable() -> Iterator[str]:
    """Fonts, and what links among them lead to."""
    for folder in FONTS:
        yield folder
        for place, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = os.path.join(place, name)
                if os.path.islink(path):
                    yield os.path.realpath(path)
