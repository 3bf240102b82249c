"""Conversations whose replies a server makes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict
from weakref import WeakKeyDictionary

from typing_extensions import Unpack

from ...cache import Look
from ...decoding.calibration import Calibration
from ...images import ImagePolicy, PolicyLike
from ...memory.plan import LoadPlan
from ...prompt.request import Request, RequestOptions, make_request
from ...prompt.tasks import Images, reads_print
from ...types import ImagePart, MessageLike, RequestPlan, Resolution, StreamChunk, Task
from ..conversations import Conversations
from ..identity import EngineIdentity, remote_identity
from ..reply import Channel
from .answers import RemoteAnswer
from .call import Call
from .calls import Calls, Patience
from .pictures import Picture, open_pictures
from .settings import BACKEND, RemoteSettings, cannot_plan

if TYPE_CHECKING:
    from pydantic import SecretStr


_Opening: TypeAlias = "asyncio.Task[list[list[Picture]]]"


class RemoteOptions(TypedDict, total=False):
    """What `SmolVLM.load` says of a server; see there."""

    base_url: str | None
    api_key: SecretStr | None
    timeout: float | None
    retries: int | None


class RemoteEngine(Conversations):
    """Conversations with a server, `batch_size` calls at a time.

    There is no checkpoint, plan or calibration. What a server cannot tell is said in the docs of
    `VisionResult` and `Usage`.
    """

    load_plan: LoadPlan | None
    calibration: Calibration | None

    def __init__(
        self,
        name: str | Path,
        server: RemoteOptions,
        *,
        policy: PolicyLike | None = None,
        max_queue: int = 32,
        batch_size: int = 8,
    ) -> None:
        """See `SmolVLM.load`."""
        from .endpoint import Endpoint  # loads the HTTP client

        self.load_plan = self.calibration = None
        self._settings = RemoteSettings.of(name, **server)
        self._images = ImagePolicy.named(policy, "trusted")
        self._at_once, self.check_memory = max_queue, _without_budget
        self._endpoint = Endpoint(self._settings)
        self._calls = Calls(batch_size, max_queue, self._settings.timeout, self._endpoint.close)
        self._looks: WeakKeyDictionary[Look, _Opening] = WeakKeyDictionary()

    @property
    def _policy(self) -> ImagePolicy:
        return self._images

    @property
    def identity(self) -> EngineIdentity:
        """What its replies depend on besides the request, as far as a client can know."""
        return remote_identity(self._settings)

    def plan(
        self,
        image: Images,
        *,
        task: Task = "describe",
        question: str = "",
        resolution: Resolution | None = None,
    ) -> RequestPlan:
        """Not possible.

        Raises:
            BadOptions: always.
        """
        raise cannot_plan()

    def count_tokens(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> int:
        """Not possible; raises as `plan`."""
        raise cannot_plan()

    def encode(self, text: str) -> list[int]:
        """Not possible; raises as `plan`."""
        raise cannot_plan()

    def check_room(self) -> None:
        """See `SmolVLM.check_room`."""
        self._calls.check_room()

    def close(self) -> None:
        """Stop the running calls, and refuse the waiting ones."""
        self._calls.close()

    def __repr__(self) -> str:
        settings = self._settings
        return f"SmolVLM({settings.model!r}, backend={BACKEND!r}, base_url={settings.base_url!r})"

    def _request(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None
    ) -> Request:
        return make_request(messages, options, task, "auto", None, RemoteAnswer.of)

    def _submit(self, request: Request, channel: Channel, look: Look | None = None) -> None:
        self._calls.submit(partial(self._run, request, look), channel)

    async def _run(
        self,
        request: Request,
        look: Look | None,
        deliver: Callable[[StreamChunk], None],
        patience: Patience,
    ) -> StreamChunk:
        call = Call(request, self._settings, deliver, patience)
        with call.clock.stage("preprocess"):
            pictures = await self._open(request, look)
        call.report("preprocess", 1, 1)
        return await call.run(pictures, self._endpoint)

    async def _open(self, request: Request, look: Look | None) -> list[list[Picture]]:
        """The request's images; those of a look are opened by the first who needs them."""
        if look is None:
            return await asyncio.to_thread(self._pictures, request)
        opening = self._looks.get(look)
        if opening is None or opening.cancelled():
            opening = asyncio.ensure_future(asyncio.to_thread(self._pictures, request))
            opening.add_done_callback(_take_note)
            self._looks[look] = opening
        return await asyncio.shield(opening)

    def _pictures(self, request: Request) -> list[list[Picture]]:
        """In prompt order, for every image part those of its pages."""
        policy = request.images or self._policy
        return [
            open_pictures(part, policy, upright=reads_print(request.task))
            for message in request.messages
            for part in message.content
            if isinstance(part, ImagePart)
        ]


def _take_note(task: asyncio.Task[list[list[Picture]]]) -> None:
    """Whoever waits gets the failure; if nobody does any more, it need not be logged."""
    if not task.cancelled():
        task.exception()


def _without_budget(what: str, extra: int) -> None:
    """A model that runs elsewhere has no budget here."""
