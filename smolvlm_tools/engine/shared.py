"""One engine for everybody in the process who wants the same one.

Frameworks copy, pickle and rebuild the objects that users make, and every copy would load weights
of its own. Here an adapter holds a `SharedEngine`, which is only a name with options: the engine
behind it is loaded when somebody first asks for it, and is the same for equal names and options.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from weakref import WeakSet

from ..errors import BadOptions
from .lazy import LazyEngine

if TYPE_CHECKING:
    from .identity import EngineIdentity
    from .smolvlm import SmolVLM

_Key: TypeAlias = tuple[tuple[str, Any], ...]


@dataclass(slots=True)
class _Shared:
    engine: LazyEngine
    users: WeakSet[SharedEngine] = field(default_factory=WeakSet["SharedEngine"])


_ENGINES: dict[_Key, _Shared] = {}
_LOCK = threading.Lock()


class SharedEngine:
    """A claim on the process's engine of one configuration. Small; may be copied and pickled.

        >>> from smolvlm_tools import SharedEngine
        >>> one, other = SharedEngine("embedded"), SharedEngine("embedded", backend="auto")
        >>> one.get() is other.get()
        True
        >>> one.release()  # `other` still uses it
        >>> other.release()  # the last one closes it

    Safe between threads. The options, keywords of `SmolVLM.load`, are checked when the engine is
    first asked for. An engine whose claims were all dropped without `release` stays loaded for the
    next one.
    """

    def __init__(self, name: str | Path = "256m", **options: Any) -> None:
        self._name, self._options = name, options

    @property
    def loaded(self) -> SmolVLM | None:
        """The engine if it is there already."""
        with _LOCK:
            shared = _ENGINES.get(self._key())
        return shared.engine.loaded if shared else None

    def get(self) -> SmolVLM:
        """The engine, loaded if need be.

        Raises:
            BadOptions: `SmolVLM.load` has no such option.
            SmolVLMError: what loading raises; the next call tries again.
        """
        return self._claim().get()

    async def aget(self) -> SmolVLM:
        return await self._claim().aget()

    def identity(self) -> EngineIdentity:
        """What replies depend on besides the request; no weights are loaded for it.

        Raises:
            BadOptions, ModelError: what loading would raise, as far as it is known by then.
        """
        from .loading import plan_identity

        loaded = self.loaded
        return loaded.identity if loaded else plan_identity(self._name, self._options)

    def release(self) -> None:
        """Give the claim up; the last one closes the engine. It may be taken up again by `get`."""
        key = self._key()
        with _LOCK:
            shared = _ENGINES.get(key)
            if shared is None or self not in shared.users:
                return
            shared.users.discard(self)
            if shared.users:
                return
            del _ENGINES[key]
        shared.engine.close()

    def _claim(self) -> LazyEngine:
        key = self._key()
        with _LOCK:
            shared = _ENGINES.get(key)
            if shared is None:
                shared = _ENGINES[key] = _Shared(
                    LazyEngine(partial(load_engine, self._name, self._options))
                )
            shared.users.add(self)
            return shared.engine

    def _key(self) -> _Key:
        import inspect

        from .smolvlm import SmolVLM

        try:
            given = inspect.signature(SmolVLM.load).bind(self._name, **self._options)
        except TypeError as error:
            raise BadOptions(
                f"the engine cannot be loaded so: {error}", "See `SmolVLM.load`."
            ) from None
        given.apply_defaults()
        return tuple((name, _frozen(value)) for name, value in given.arguments.items())

    def __repr__(self) -> str:
        given = [repr(self._name), *(f"{name}={value!r}" for name, value in self._options.items())]
        return f"SharedEngine({', '.join(given)})"

    def __reduce__(self) -> tuple[Callable[[], SharedEngine], tuple[()]]:
        return partial(SharedEngine, self._name, **self._options), ()


class GivenEngine:
    """An engine that somebody else has loaded, in the shape of a `SharedEngine`."""

    def __init__(self, engine: SmolVLM) -> None:
        self.loaded = engine

    def get(self) -> SmolVLM:
        return self.loaded

    async def aget(self) -> SmolVLM:
        return self.loaded

    def identity(self) -> EngineIdentity:
        """See `SharedEngine.identity`."""
        return self.loaded.identity

    def release(self) -> None:
        """Whoever loaded it closes it."""


def load_engine(name: str | Path, options: Mapping[str, Any]) -> SmolVLM:
    """`SmolVLM.load`, which is imported only now."""
    from .smolvlm import SmolVLM

    return SmolVLM.load(name, **options)


EngineSource: TypeAlias = SharedEngine | GivenEngine


def engine_source(engine: SmolVLM | None, name: str | Path, **options: Any) -> EngineSource:
    """The engine that is given, or else a claim on the shared one of that name."""
    return SharedEngine(name, **options) if engine is None else GivenEngine(engine)


def _frozen(value: Any) -> Any:
    """A value that may be part of a key; equal values become equal ones."""
    if isinstance(value, Mapping):
        return tuple(sorted(cast("Mapping[str, Any]", value).items()))
    return os.fspath(value) if isinstance(value, Path) else value


def _forget_after_fork() -> None:
    """A child has its parent's memory but not the engines' threads."""
    if _LOCK.locked():  # by a thread that is not here
        _LOCK.release()
    _ENGINES.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
