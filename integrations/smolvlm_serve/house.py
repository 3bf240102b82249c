"""What every route works with, and how its errors become answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TypeAlias

from smolvlm_mcp.observing import CANCELLED, FAULT, Activity, Call
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.images import ImagePolicy

from .faults import OURS, Fault, fault_of
from .held_responses import HeldResponses
from .images import Images
from .models import Models
from .stats import Stats

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What every route works with.

    Attributes:
        models: those that are served.
        images: where a request's images are looked up.
        policy: which images are let in.
        activity: told of every call, for metrics, spans and the log.
        stats: figures of the last calls.
        responses: those that clients may ask for again.
    """

    models: Models
    images: Images
    policy: ImagePolicy
    activity: Activity
    stats: Stats
    responses: HeldResponses = field(default_factory=HeldResponses)


Work: TypeAlias = Callable[[House, Request, Call], Awaitable[Response]]


class Endpoint:
    """A route. Work for the model has a name, and is watched until its answer has gone out."""

    def __init__(self, house: House, name: str | None, work: Work) -> None:
        self._house, self._name, self._work = house, name, work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        watch = self._house.activity.watch
        with watch(self._name) if self._name else nullcontext(Call("")) as call:
            response = await self._answer(request, call)
            if isinstance(response, StreamingResponse):
                call.outcome = CANCELLED  # by a client that leaves before its end
            try:
                await response(scope, receive, send)
            except Exception:  # counted, and raised again
                call.outcome = FAULT
                raise

    async def _answer(self, request: Request, call: Call) -> Response:
        path = request.url.path
        try:
            return await self._work(self._house, request, call)
        except Fault as fault:
            call.outcome = fault.code
            return fault.response(path)
        except SmolVLMError as error:
            call.outcome = error.code
            return fault_of(error).response(path)
        except ClientDisconnect:
            call.outcome = CANCELLED
            return Response(status_code=499)
        except Exception:  # a fault of ours: its text may hold paths and the caller's data
            _LOG.exception("%s failed", path)
            return OURS.response(path)
