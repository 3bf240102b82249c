"""Requests about images: answered from what an earlier run has kept, else by an engine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from ..engine.identity import EngineIdentity
from ..engine.shared import EngineSource
from ..errors import Busy, SmolVLMError
from ..prompt.request import RequestOptions
from ..types import Message, PageRef, TextPart, VisionResult
from .ledger import Ledger, result_key

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM

Outcome: TypeAlias = VisionResult | SmolVLMError

_NOT_IN_KEYS = ("cancel", "on_progress", "policy")
"""Options that no reply depends on."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request about one image.

    Attributes:
        image_sha256: of the image's encoded bytes; None where they are not known, so that nothing
            is kept.
        ref: where the image comes from.
    """

    messages: Sequence[Message]
    options: RequestOptions = field(default_factory=RequestOptions)
    image_sha256: str | None = None
    ref: PageRef = field(default_factory=PageRef)


class Answers:
    """Answers requests, each of them once: what was answered is kept in a ledger.

    The engine is loaded for the first request that the ledger has no answer to. While others fill
    its queue, `answer` waits. A typed `value` comes out of the ledger as plain JSON data.

    Args:
        source: the engine.
        cache: path of the ledger, see `Ledger`; None keeps nothing.
    """

    def __init__(self, source: EngineSource, cache: str | os.PathLike[str] | None = None) -> None:
        self._source, self._cache = source, cache
        self._planned: EngineIdentity | None = None

    def answer(self, requests: Sequence[ImageRequest]) -> list[Outcome]:
        """The outcome of every request, in their order.

        Raises:
            InputError: a request is wrong whatever its image; nothing has run.
            ModelError: the model cannot be loaded.
            BadOptions, StoreFull: the ledger cannot be used.
        """
        found: list[Outcome | None] = [*self._find(requests)]
        while missing := _missing(found):
            asked = [requests[n] for n in missing]
            outcomes = _batch(self._source.get(), asked)
            self._put(asked, outcomes)
            time.sleep(_settle(found, missing, outcomes))
        return [outcome for outcome in found if outcome is not None]

    async def aanswer(self, requests: Sequence[ImageRequest]) -> list[Outcome]:
        """`answer` for an event loop; cancelling the task stops the engine."""
        found: list[Outcome | None] = [*await asyncio.to_thread(self._find, requests)]
        while missing := _missing(found):
            asked = [requests[n] for n in missing]
            outcomes = await _abatch(await self._source.aget(), asked)
            await asyncio.to_thread(self._put, asked, outcomes)
            await asyncio.sleep(_settle(found, missing, outcomes))
        return [outcome for outcome in found if outcome is not None]

    def _keys(self, requests: Sequence[ImageRequest]) -> list[str | None]:
        if self._cache is None or not requests:
            return [None] * len(requests)
        engine = self._identity()
        return [_key(request, engine) for request in requests]

    def _identity(self) -> EngineIdentity:
        """Planned once; a loaded engine says itself what it is."""
        if self._source.loaded is not None:
            return self._source.identity()
        if self._planned is None:
            self._planned = self._source.identity()
        return self._planned

    def _find(self, requests: Sequence[ImageRequest]) -> list[VisionResult | None]:
        keys = self._keys(requests)
        known = [key for key in keys if key is not None]
        if self._cache is None or not known:
            return [None] * len(keys)
        with Ledger(self._cache) as ledger:
            bodies = ledger.find(known)
        return [
            _parsed(bodies.get(key or ""), request.ref)
            for request, key in zip(requests, keys, strict=True)
        ]

    def _put(self, requests: Sequence[ImageRequest], outcomes: Sequence[Outcome]) -> None:
        """Keep the results under keys of the engine that gave them, planned or not."""
        kept = {
            key: outcome
            for key, outcome in zip(self._keys(requests), outcomes, strict=True)
            if key is not None and isinstance(outcome, VisionResult)
        }
        if self._cache is None or not kept:
            return
        with Ledger(self._cache) as ledger:
            for key, result in kept.items():
                ledger.put(key, result.model_dump_json())


def _key(request: ImageRequest, engine: EngineIdentity) -> str | None:
    if request.image_sha256 is None:
        return None
    options: Mapping[str, Any] = request.options
    return result_key(
        images=[request.image_sha256],
        prompt=[
            [turn.role, *(p.text if isinstance(p, TextPart) else [p.type] for p in turn.content)]
            for turn in request.messages
        ],
        options={name: value for name, value in options.items() if name not in _NOT_IN_KEYS},
        engine=engine,
    )


def _parsed(body: str | None, ref: PageRef) -> VisionResult | None:
    """A kept result, under the name that its image has now; None for one of another form."""
    if body is None:
        return None
    try:
        result = VisionResult.model_validate_json(body)
    except ValidationError:  # written by another version of this package: answered again
        return None
    return result.model_copy(update={"sources": (ref,)})


def _batch(engine: SmolVLM, requests: Sequence[ImageRequest]) -> list[Outcome]:
    try:
        return engine.batch(
            [request.messages for request in requests],
            each=[request.options for request in requests],
            return_exceptions=True,
        )
    except Busy as error:
        return [error] * len(requests)


async def _abatch(engine: SmolVLM, requests: Sequence[ImageRequest]) -> list[Outcome]:
    return await engine.abatch(
        [request.messages for request in requests],
        each=[request.options for request in requests],
        return_exceptions=True,
    )


def _missing(found: Sequence[Outcome | None]) -> list[int]:
    return [n for n, outcome in enumerate(found) if outcome is None]


def _settle(
    found: list[Outcome | None], places: Sequence[int], outcomes: Sequence[Outcome]
) -> float:
    """Put outcomes in their places; returns seconds to wait for those the queue had no room for."""
    wait = 0.0
    for place, outcome in zip(places, outcomes, strict=True):
        if isinstance(outcome, Busy):
            wait = max(wait, outcome.retry_after)
        else:
            found[place] = outcome
    return wait
