"""The measurements. Each function runs in a process of its own."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.ingestion.inputs import TINY_SIZE, write_books, write_images
from benchmarks.process import Answer
from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.ingest import Summary, Wish, ingest
from smolvlm_tools.sandbox.watch import resident_bytes

ONE_TILE = (320, 240)

_BEGINS = 500
"""Images after which growth is counted."""


def born_digital(pages: int) -> Answer:
    """Ingest born-digital pages without `look`: seconds, and of processor time with children."""
    with TemporaryDirectory() as place:
        write_books(Path(place) / "books", pages)
        began, before = time.perf_counter(), _cpu_seconds()
        summary = ingest(Path(place) / "books", Path(place) / "out.jsonl", model="embedded")
        seconds = time.perf_counter() - began
        assert (summary.layer, summary.model, summary.errors) == (pages, 0, 0), summary
        return {"seconds": seconds, "cpu_seconds": _cpu_seconds() - before, "load": _load()}


def beside_batch(checkpoint: str, images: int, rounds: int, new_tokens: int) -> Answer:
    """Caption the same one-tile images by `ingest` and by the engine's own `batch`, in turns."""
    options = {"max_new_tokens": new_tokens, "ignore_eos": True, "resolution": 1}
    with TemporaryDirectory() as place, SmolVLM.load(checkpoint, cache=False) as vlm:
        paths = write_images(Path(place) / "images", images, ONE_TILE)
        wish = Wish(tasks=("caption",), options=options)
        conversations = [
            [{"role": "user", "content": [_image(path), _text(wish.caption.question)]}]
            for path in paths
        ]

        def by_batch() -> None:
            vlm.batch(conversations, task="describe", **options)

        def by_ingest() -> None:
            out = Path(place) / f"{time.monotonic_ns()}.jsonl"
            summary = ingest(paths, out, engine=vlm, wish=wish)
            assert (summary.model, summary.duplicates) == (images, 0), summary

        vlm.batch(conversations[:8], task="describe", **options)  # starts what starts late
        batch, ingestion = _in_turns([by_batch, by_ingest], rounds)
        return {"batch": batch, "ingest": ingestion, "images": images, "load": _load()}


def beside_transformers(checkpoint: str, images: int, rounds: int, new_tokens: int) -> Answer:
    """Caption the same one-tile images by `ingest` and by a loop of transformers, in turns."""
    from benchmarks.speed.calls import Request
    from benchmarks.speed.transformers import Transformers

    options = {"max_new_tokens": new_tokens, "ignore_eos": True, "resolution": 1}
    wish = Wish(tasks=("caption",), options=options)
    peer = Transformers(Path(checkpoint), "bf16", "sdpa")  # as it loads the files of the hub
    with TemporaryDirectory() as place, SmolVLM.load(checkpoint, cache=False) as vlm:
        paths = write_images(Path(place) / "images", images, ONE_TILE)

        def by_loop() -> None:
            for path in paths:
                peer.reply(Request(wish.caption.question, (path,), 1), new_tokens)

        def by_ingest() -> None:
            out = Path(place) / f"{time.monotonic_ns()}.jsonl"
            summary = ingest(paths, out, engine=vlm, wish=wish)
            assert (summary.model, summary.duplicates) == (images, 0), summary

        vlm.describe(paths[0], **options)
        peer.reply(Request(wish.caption.question, (paths[0],), 1), 2)
        loop, ingestion = _in_turns([by_loop, by_ingest], rounds)
        return {"loop": loop, "ingest": ingestion, "images": images, "load": _load()}


def growth(images: int) -> Answer:
    """By how many bytes this process grows over tiny images, after the first 500 of them."""
    checkpoint = open_checkpoint("embedded")
    backend = FakeBackend.saying(checkpoint, " a red circle")
    begun = most = 0

    def watch(summary: Summary) -> None:
        nonlocal begun, most
        if summary.pages == _BEGINS:
            begun = resident_bytes(os.getpid())
        elif summary.pages > _BEGINS and summary.pages % 100 == 0:
            most = max(most, resident_bytes(os.getpid()))

    with TemporaryDirectory() as place, SmolVLM(checkpoint, backend) as vlm:
        write_images(Path(place) / "images", images, TINY_SIZE)
        began = time.perf_counter()
        summary = ingest(
            Path(place) / "images",
            Path(place) / "out.jsonl",
            engine=vlm,
            wish=Wish(tasks=("caption",)),
            on_progress=watch,
        )
        seconds = time.perf_counter() - began
        assert (summary.model, summary.errors, summary.duplicates) == (images, 0, 0), summary
        grown = max(0, most - begun)
        return {"bytes": grown, "seconds": seconds, "images": images, "load": _load()}


def _in_turns(calls: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Seconds of each call in each round; who begins changes from round to round."""
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(rounds):
        order = range(len(calls)) if number % 2 == 0 else reversed(range(len(calls)))
        for each in order:
            began = time.perf_counter()
            calls[each]()
            taken[each].append(time.perf_counter() - began)
    return taken


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)


def _load() -> float:
    """How many processes wanted a processor in the last minute."""
    return round(os.getloadavg()[0], 2)


def _image(path: Path) -> dict[str, Any]:
    return {"type": "image", "image": str(path)}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
