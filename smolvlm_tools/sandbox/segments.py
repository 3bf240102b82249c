"""Memory that parent and child share: no byte of it goes through a pipe.

The parent makes it, and sends a descriptor of it along with a request.
Where descriptors cannot be sent (Windows), there are no segments, and results are sent as bytes.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
import tempfile
import threading
import weakref

from ..errors import BackendUnavailable

AVAILABLE = sys.platform != "win32" and hasattr(socket, "send_fds")


_MOST_KEPT = 1 << 24
"""Bytes of the segment that a `Segments` keeps: an image of 2048x2048 pixels."""

_forks = 0
"""How often this process has forked: the others still have what was mapped then."""


class _Memory(mmap.mmap):
    """Mapped memory; a class of its own, so that it can be seen to go."""


class Segment:
    """Shared memory, that a child is to fill.

    Attributes:
        nbytes: how large it is.
        fd: its descriptor, until `close_fd`.
        memory: the memory itself. Who holds it keeps it, not the segment.
    """

    def __init__(self, nbytes: int, fd: int | None = None) -> None:
        self.nbytes = nbytes
        self.fd = _make(nbytes) if fd is None else fd
        self.memory = _Memory(self.fd, nbytes)
        self.close_fd = weakref.finalize(self, os.close, self.fd)


class Segments:
    """Segments for one child, of which one is used again once nobody needs its image any more.

    The pages of a new one cost more than decoding into it. They are not used for another child:
    one that was taken over may have kept them mapped.
    """

    def __init__(self) -> None:
        self._free: tuple[int, int] | None = None
        self._is_closed = False
        self._lock = threading.RLock()  # an image may go while the lock is held

    def take(self, nbytes: int) -> Segment:
        """One of this size, with anything in it.

        Raises:
            BackendUnavailable: there is no memory, or no descriptor.
        """
        with self._lock:
            size, fd = self._free or (0, -1)
            if size >= nbytes:
                self._free = None
        try:
            if size < nbytes:
                size, fd = nbytes, -1
                fd = _make(nbytes)
            segment = Segment(nbytes, fd)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            raise BackendUnavailable(
                f"there is no shared memory of {nbytes:,} bytes for an image ({error})",
                "Free memory or file descriptors, and try again.",
            ) from error
        segment.close_fd.detach()
        weakref.finalize(segment.memory, self._give_back, size, fd, _forks).atexit = False
        return segment

    def close(self) -> None:
        """Keep none, neither now nor later."""
        self._is_closed = True
        with self._lock:
            free, self._free = self._free, None
        if free is not None:
            os.close(free[1])

    def _give_back(self, size: int, fd: int, forks: int) -> None:
        """Of two the larger one is kept, if no other process has it mapped."""
        with self._lock:
            kept = self._free or (0, -1)
            is_kept = size <= _MOST_KEPT and size > kept[0] and forks == _forks
            if is_kept and not self._is_closed:
                self._free, (size, fd) = (size, fd), kept
        if fd >= 0:
            os.close(fd)


def map_segment(fd: int, nbytes: int) -> mmap.mmap:
    """In a child: the memory behind a descriptor, which is closed."""
    flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
    try:
        return mmap.mmap(fd, nbytes, flags=flags)
    finally:
        os.close(fd)


def _make(nbytes: int) -> int:
    """A file of no name, in memory where the system can."""
    if sys.platform != "linux":
        with tempfile.TemporaryFile() as file:
            file.truncate(nbytes)
            return os.dup(file.fileno())
    import fcntl

    fd = os.memfd_create("smolvlm", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, nbytes)
        # A child that makes it smaller would have its parent killed by a bus error.
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _count_forks() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_count_forks, after_in_child=_count_forks)
