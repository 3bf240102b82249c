"""The tools in this process, called by tasks of one event loop."""

from __future__ import annotations

import os

from benchmarks.soaking.mix import Request
from benchmarks.soaking.outcomes import OK, Outcome
from benchmarks.soaking.surface import call_or_leave
from smolvlm_tools.errors import Busy, SmolVLMError
from smolvlm_tools.tools import ImageStore, Toolbox, agent_policy


class PythonSurface:
    """A toolbox. The process that is watched is the soak's own, what it notes included."""

    def __init__(self, max_queue: int) -> None:
        self.pid: int = os.getpid()
        self.log: list[str] = []
        store = ImageStore(agent_policy([]))
        self._toolbox = Toolbox.load("embedded", store=store, max_queue=max_queue)

    async def client(self, number: int) -> PythonClient:
        """One that calls the toolbox."""
        return PythonClient(self._toolbox)

    def waiting(self) -> int | None:
        """Not public."""
        return None

    async def stages(self) -> dict[str, list[float]]:
        """The tools' outputs give one number."""
        return {}

    async def close(self) -> None:
        """Free the model."""
        self._toolbox.close()


class PythonClient:
    """Calls the toolbox; leaving means to cancel the task."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    async def call(self, request: Request) -> Outcome:
        """See `Client`."""

        async def ask() -> Outcome:
            try:
                output = await self._toolbox.acall(request.tool, request.arguments)
            except Busy as busy:
                return Outcome(busy.code, retry_after=busy.retry_after)
            except SmolVLMError as error:
                return Outcome(error.code, detail=error.reason[:300])
            usage = getattr(output, "usage", None)
            return Outcome(OK, model_seconds=None if usage is None else usage.seconds)

        return await call_or_leave(ask(), request, None)

    async def close(self) -> None:
        """Nothing to do."""
