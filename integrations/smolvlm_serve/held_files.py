"""Files that clients have sent: by what is in them, within a bound, forgotten when it ends.

An id is a part of the file's sha256, so a file that is sent twice is kept once, and whoever knows
an id has had the file, or was told by somebody who had.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from smolvlm_tools.images import ImagePolicy, read_image, see_image
from smolvlm_tools.pages import is_document, open_pages

from .faults import Fault

PREFIX = "file-"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class HeldFile:
    """An image or a document.

    Attributes:
        id: "file-" and the first digits of the sha256.
        data: its bytes.
        name: what the client calls it.
        purpose: what the client says it is for.
        pages: how many it has; 1 for an image.
        created: Unix time, in whole seconds.
    """

    id: str
    data: bytes
    name: str
    purpose: str
    pages: int
    created: int


class HeldFiles:
    """The files used last; safe to share between threads."""

    def __init__(self, policy: ImagePolicy, most_bytes: int) -> None:
        self._policy, self._most = policy, most_bytes
        self._files: OrderedDict[str, HeldFile] = OrderedDict()
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[HeldFile]:
        with self._lock:
            return iter([*self._files.values()])

    def add(self, data: bytes, name: str, purpose: str) -> HeldFile:
        """Keep a file; those that were used longest ago make room. Blocks while it is looked at.

        Raises:
            Fault: 413, it is larger than all files together may be.
            InputError: it is no image or document that can be read.
        """
        if len(data) > self._most:
            text = f"the file has {len(data):,} bytes, at most {self._most:,} are kept"
            raise Fault(413, text, "image_too_large", "file")
        count = self._look(data)
        found = HeldFile(
            PREFIX + hashlib.sha256(data).hexdigest()[:_DIGITS],
            data,
            name[:200],
            purpose[:50],
            count,
            int(time.time()),
        )
        with self._lock:
            self._files.pop(found.id, None)
            self._files[found.id] = found
            while sum(len(each.data) for each in self._files.values()) > self._most:
                self._files.popitem(last=False)
        return found

    def _look(self, data: bytes) -> int:
        """Decode it once, so that what cannot be read is refused now; returns its pages."""
        encoded = read_image(data, self._policy)
        if is_document(encoded, self._policy):
            with open_pages(encoded, self._policy) as pages:
                return len(pages)
        see_image(encoded, self._policy)
        return 1

    def find(self, name: str) -> HeldFile:
        """A file by its id.

        Raises:
            Fault: 404, it is not here, or not any more.
        """
        with self._lock:
            found = self._files.get(name)
            if found is None:
                text = f"there is no file {name[:80]!r} (any more): send it again"
                raise Fault(404, text, "file_not_found")
            self._files.move_to_end(name)
            return found

    def remove(self, name: str) -> None:
        """Forget a file; raises as `find` does."""
        self.find(name)
        with self._lock:
            self._files.pop(name, None)
