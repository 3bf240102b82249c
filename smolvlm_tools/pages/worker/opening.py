"""Pages that are read by asking a worker, and workers that open documents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

from ...images import EncodedImage, ImagePolicy
from ...sandbox.held import Ask, Held, Request, unpack
from ...sandbox.limits import WorkerLimits
from ...sandbox.messages import Message
from ...sandbox.pool import Pool
from ...sandbox.services import PAGES
from ...sandbox.worker import Worker
from ..page import LONGEST_EDGE, MAX_PAGES, Pages
from .calls import CALLS


def open_with(
    ask: Ask,
    encoded: EncodedImage,
    policy: ImagePolicy,
    *,
    password: str | None = None,
    longest_edge: int = LONGEST_EDGE,
    max_pages: int = MAX_PAGES,
) -> Pages:
    """Open a document or an image as `open_pages` does, by asking a worker.

    Each page is read by a call of its own: after one that goes past a limit, the others can still
    be read.

    Raises:
        DocumentTooCostly: a limit was passed, or the child crashed; so do the pages' methods.
        InputError, BackendUnavailable: as `open_pages`; or the child does not start.
        Closed: the worker, or the document, was closed.
    """
    header = {
        "mime": encoded.mime,
        "policy": policy.for_bytes(),
        "password": password,
        "longest_edge": longest_edge,
        "max_pages": max_pages,
    }
    document = Held(PAGES, encoded.name, header, encoded.data)

    def call(name: str) -> Callable[[int], Any]:
        return partial(_call, ask, document, name)

    total, has_text = unpack(_facts, ask(document, Request()))
    return Pages(
        total,
        call("read"),
        document.close,
        text=call("text") if has_text else None,  # what need not be asked is not
        pictures=call("pictures") if has_text else None,
        source=encoded.ref.source,
    )


def _call(ask: Ask, document: Held, name: str, number: int) -> Any:
    request = Request(name, f"page {number}", {"number": number})
    return unpack(CALLS[name].unpack, ask(document, request))


def _facts(answer: Message) -> tuple[int, bool]:
    return int(answer[0]["pages"]), bool(answer[0]["has_text"])


class _Opens:
    """Something that can be asked, and opens documents so."""

    _policy: ImagePolicy

    @abstractmethod
    def ask(self, held: Held, request: Request) -> Message: ...

    def open(
        self,
        encoded: EncodedImage,
        policy: ImagePolicy | None = None,
        *,
        password: str | None = None,
        longest_edge: int = LONGEST_EDGE,
        max_pages: int = MAX_PAGES,
    ) -> Pages:
        """Open a document; see `open_with`. Its own policy when None."""
        return open_with(
            self.ask,
            encoded,
            policy or self._policy,
            password=password,
            longest_edge=longest_edge,
            max_pages=max_pages,
        )


class DocumentWorker(Worker, _Opens):
    """A `Worker` that opens documents.

    Args:
        policy: limits on pixels and frames; `ImagePolicy()` when None.
        limits: of one call; `WorkerLimits()` when None.
    """

    def __init__(
        self, policy: ImagePolicy | None = None, limits: WorkerLimits | None = None
    ) -> None:
        super().__init__(limits)
        self._policy = policy or ImagePolicy()


class WorkerPool(Pool, _Opens):
    """A `Pool` that opens documents.

    Args:
        size: the most documents that are read at the same time.
        policy: limits on pixels and frames; `ImagePolicy()` when None.
        limits: of one call; `WorkerLimits()` when None.
    """

    def __init__(
        self,
        size: int,
        policy: ImagePolicy | None = None,
        limits: WorkerLimits | None = None,
    ) -> None:
        super().__init__(size, limits)
        self._policy = policy or ImagePolicy()
