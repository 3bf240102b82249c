"""`ingest`: everything put together for one machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..engine.shared import engine_source
from ..engine.smolvlm import SmolVLM
from ..errors import BadOptions, StoreFull
from ..images import EncodedImage, ImagePolicy, PolicyLike
from ..images.policy import LARGE_FILE
from ..pages import LONGEST_EDGE, LONGEST_RENDERED, MAX_PAGES, Pages
from ..pages.video import is_video
from ..pages.worker import WorkerLimits, WorkerPool
from .keeping import Keeper, OnProgress
from .known import Known
from .pipeline import Pipeline
from .places import open_places
from .reading import Reader
from .second_reader import open_recognizer_for
from .sources import Source, find_sources
from .summary import Summary
from .units import Keys
from .windows import Windows, parse_window
from .wish import Wish

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read.

    Attributes:
        policy: limits and permissions, or their name; None for "trusted" with files of up to
            200 MB.
        password: of encrypted PDF files.
        longest_edge: pixels along the longer side of a rendered PDF page.
        max_pages: documents with more are refused.
        workers: child processes that read files ahead of the engine.
        limits: of what a child may cost; see `WorkerLimits`.
        storage_options: of fsspec's file systems, such as credentials.
        window: how much of a video is looked at together: seconds, or a length as "30s". Folders
            are searched for videos, too, where it is given; without it a video is an error.
    """

    policy: PolicyLike | None = None
    password: str | None = field(default=None, repr=False)
    longest_edge: int = LONGEST_EDGE
    max_pages: int = MAX_PAGES
    workers: int = 2
    limits: WorkerLimits | None = None
    storage_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    window: str | float | None = None

    def __post_init__(self) -> None:
        ImagePolicy.named(self.policy, "trusted")  # refuses a typo
        parse_window(self.window)
        for name in ("workers", "max_pages", "longest_edge"):
            if getattr(self, name) < 1:
                raise BadOptions(f"`{name}={getattr(self, name)}` reads nothing", "Use 1 or more.")
        if self.longest_edge > LONGEST_RENDERED:
            raise BadOptions(
                f"`longest_edge={self.longest_edge}` is out of range",
                f"Use 1 to {LONGEST_RENDERED} pixels.",
            )

    @property
    def opening(self) -> tuple[int, ...]:
        """All that decides what the pages of a content are, as numbers."""
        seconds = parse_window(self.window)
        parts = () if seconds is None else (round(seconds * 1000),)
        return self.longest_edge, self.max_pages, *parts

    def opener(self, pool: WorkerPool) -> Callable[[EncodedImage], Pages | Windows]:
        """Opens files as it is said here."""
        return partial(self._open, pool)

    def _open(self, pool: WorkerPool, encoded: EncodedImage) -> Pages | Windows:
        if not is_video(encoded.data):
            return pool.open(
                encoded,
                password=self.password,
                longest_edge=self.longest_edge,
                max_pages=self.max_pages,
            )
        seconds = parse_window(self.window)
        if seconds is None:
            raise BadOptions(
                f"{encoded.name} is a video", 'Say how it is to be cut: `window="30s"`.'
            )
        return Windows(encoded, self.rules, seconds)

    def sources(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Source]:
        """The files that are meant; see `find_sources`."""
        return find_sources(paths, self.storage_options, videos=self.window is not None)

    @property
    def rules(self) -> ImagePolicy:
        """The policy that holds."""
        return ImagePolicy.named(self.policy, ImagePolicy(max_bytes=LARGE_FILE))


def ingest(
    paths: Paths,
    out: str | os.PathLike[str],
    *,
    model: str | Path = "256m",
    wish: Wish | None = None,
    reading: Reading | None = None,
    ledger: str | os.PathLike[str] | None = None,
    retry_errors: bool = False,
    on_progress: OnProgress | None = None,
    engine: SmolVLM | None = None,
    load_options: Mapping[str, Any] | None = None,
) -> Summary:
    """Find out about every page of every file, and write a record for each.

        >>> from smolvlm_tools.ingest import Wish, ingest
        >>> wish = Wish(questions={"colour": "What color is the circle?"})
        >>> summary = ingest("examples/images", "/tmp/records.jsonl", model="embedded", wish=wish)
        >>> summary.pages, summary.errors
        (2, 0)

    Whatever ends it (Ctrl-C, a kill, a full disk), the same call goes on where it was: nothing is
    lost, and nothing is done or written twice. Files that have changed are done again.

    Args:
        paths: files, folders, globs and URLs; see `find_sources`.
        out: a file: .jsonl or .parquet; or a folder: for records.jsonl and the ledger; where its
            name ends in `.parquet/`, for parts in Parquet.
        model: see `SmolVLM.load`; loaded when a page first needs it.
        wish: what to find out; `Wish()` when None.
        reading: how files are read; `Reading()` when None.
        ledger: the file that remembers what is done; beside `out` when None. Runs may share one.
        retry_errors: try again what failed before.
        on_progress: told after every page, on the calling thread.
        engine: a loaded engine to use instead of `model`.
        load_options: other keywords of `SmolVLM.load`.

    Raises:
        BadOptions: something that was asked for makes no sense, or `out` holds something else.
        StoreFull: the disk is full.
        Busy: another run writes to `out`.
        ModelError: the model cannot be had, or what a check needs.
    """
    wish, reading = wish or Wish(), reading or Reading()
    recognizer = open_recognizer_for(wish, reading.window)
    source = engine_source(engine, model, **(load_options or {}))
    identity = source.identity() if wish.needs_model else None  # a typo must not cost an hour
    with ExitStack() as stack:
        output, book = open_places(stack, out, ledger)
        policy = reading.rules
        pool = stack.enter_context(WorkerPool(reading.workers, policy, reading.limits))
        stack.callback(source.release)

        keys = Keys(wish, identity, reading.opening, recognizer)
        known = Known(keys, book, retry_errors, reading.password is not None)
        reader = Reader(wish, known, policy, reading.opener(pool))
        pipeline = Pipeline(reader, source.get, reading.workers, LOOKERS, interrupt=pool.close)
        keeper = Keeper(book, output, retry_errors, on_progress or (lambda summary: None))
        named = list(listed(paths))
        if on_progress:
            count_files(stack, keeper.summary, named, reading)
        units = pipeline.units(reading.sources(named))
        try:
            with closing(units):
                for unit in units:
                    keeper.finish(unit)
        except StoreFull:
            raise
        except BaseException:  # such as Ctrl-C: what is finished is kept
            for unit in pipeline.rest():
                keeper.keep(unit)
            raise
        for duplicate, sha256, first in reader.duplicates:
            for unit in known.units(duplicate.name, sha256, first):
                keeper.finish(unit)
        return keeper.settle()


LOOKERS = 16
"""Twice as many as an engine decodes together, so that it never waits for the next page."""


def count_files(
    stack: ExitStack, summary: Summary, paths: Iterable[str | os.PathLike[str]], reading: Reading
) -> None:
    """Say how many files there are, when a thread has listed them all; the stack ends it."""
    over = threading.Event()

    def count() -> None:
        found = 0
        for _ in reading.sources(paths):
            if over.is_set():
                return
            found += 1
        summary.total_files = found

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    stack.callback(thread.join, 1.0)
    stack.callback(over.set)


def listed(paths: Paths) -> Iterable[str | os.PathLike[str]]:
    """The paths, also where there is only one."""
    return [paths] if isinstance(paths, (str, os.PathLike)) else paths
