"""Memory that a child fills and its parent reads: no byte of it goes through a pipe.

The parent makes it, of the size that is needed, and sends a descriptor of it along with a request.
Where descriptors cannot be sent (Windows), there are no segments, and results are sent as bytes.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
import tempfile
import weakref

AVAILABLE = sys.platform != "win32" and hasattr(socket, "send_fds")


class Segment:
    """Shared memory of a fixed size, freed when nothing here uses it any more.

    Attributes:
        nbytes: how large it is.
        fd: its descriptor, until `close_fd`.
        memory: the memory itself, zeros until somebody writes there.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.fd = _make(nbytes)
        self._close = weakref.finalize(self, os.close, self.fd)
        self.memory = mmap.mmap(self.fd, nbytes)

    def close_fd(self) -> None:
        """Give the descriptor back; the memory stays as long as it is used."""
        self._close()


def map_segment(fd: int, nbytes: int) -> mmap.mmap:
    """In a child: the memory behind a descriptor, which is closed."""
    try:
        return mmap.mmap(fd, nbytes)
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
