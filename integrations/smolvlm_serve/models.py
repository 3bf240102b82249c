"""The models that are served, by the names that clients use; engines are loaded when needed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import anyio.to_thread
from smolvlm_mcp.observing import Call
from smolvlm_mcp.serving import load_toolbox

from smolvlm_tools import SmolVLM, VisionResult
from smolvlm_tools.tools import ImageStore, Toolbox

from .faults import Fault
from .settings import ServeSettings

_WITH_PRECISION = re.compile(r"(.{2,}):([a-z0-9][a-z0-9-]{1,20})")


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model by the name it was given: an alias, hub id or folder, and ":PRECISION" if one is."""

    name: str
    toolbox: Toolbox
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def checkpoint(self) -> str:
        """The name without the precision."""
        found = _WITH_PRECISION.fullmatch(self.name)
        return found[1] if found else self.name

    async def engine(self) -> SmolVLM:
        """Its engine, loaded now if need be; raises what `SmolVLM.load` does."""
        if self.toolbox.loaded is None:
            await anyio.to_thread.run_sync(self.toolbox.preload)
        engine = self.toolbox.loaded
        assert engine is not None
        return engine

    def note(self, call: Call, result: VisionResult) -> None:
        """Note a reply that is whole, for metrics and forecasts."""
        call.succeeded(result)
        self.toolbox.speed.observe(result.usage)


class Models:
    """All of them; the first is the default."""

    def __init__(self, served: Sequence[ServedModel]) -> None:
        self._served = {each.name: each for each in served}

    @classmethod
    def open(cls, settings: ServeSettings, store: ImageStore) -> Models:
        """Check the names; no weights are loaded."""
        return cls([_open(name, settings, store) for name in settings.models])

    @property
    def default(self) -> ServedModel:
        """What is meant where a request names no model."""
        return next(iter(self))

    def find(self, name: str | None) -> ServedModel:
        """The model of that name.

        Raises:
            Fault: 404, there is none.
        """
        if not name:
            return self.default
        found = self._served.get(name.removesuffix(":latest"))
        if found is None:
            names = ", ".join(self._served)
            text = f"the model {name[:100]!r} is not served here; these are: {names}"
            raise Fault(404, text, "model_not_found", "model")
        return found

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._served.values())

    def close(self) -> None:
        """Close all engines."""
        for each in self:
            each.toolbox.close()


def _open(name: str, settings: ServeSettings, store: ImageStore) -> ServedModel:
    found = _WITH_PRECISION.fullmatch(name)
    named = {"model": found[1], "precision": found[2]} if found else {"model": name}
    return ServedModel(name, load_toolbox(settings.model_copy(update=named), store))
