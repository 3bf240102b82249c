"""What the system says of a file that cannot be written, as errors that callers know."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Generator
from pathlib import Path

from ..errors import BadOptions, StoreFull

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def full_disk(path: Path) -> Generator[None]:
    """Say what is wrong where something cannot be written.

    Raises:
        StoreFull: no room.
        BadOptions: the place does not exist, or may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(
                f"{str(path)!r} cannot be written ({error.strerror})",
                "Make room and run it again: it goes on.",
            ) from error
        raise BadOptions(
            f"{str(path)!r} cannot be written ({error.strerror})", "Name another place."
        ) from error
