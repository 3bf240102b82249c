"""One engine for everybody in the process who wants the same one.

Frameworks copy, pickle and rebuild the objects that users make, and every copy would load weights
of its own. Here an adapter holds a `SharedEngine`, which is only a name with options: the engine
behind it is loaded when somebody first asks for it, and is the same for equal names and options.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from weakref import WeakSet

from typing_extensions import Unpack

from .lazy import LazyEngine

if TYPE_CHECKING:
    from ..images import PolicyLike
    from ..memory.plan import LoadPlan
    from ..prompt.request import RequestOptions
    from ..types import MessageLike
    from .identity import EngineIdentity
    from .lazy_planner import LazyPlanner
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
        self._planner: LazyPlanner | None = None

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

    def planner(self, policy: PolicyLike | None = None) -> LazyPlanner:
        """Plans requests to the engine, by its options and `policy`, without loading weights."""
        from .lazy_planner import LazyPlanner

        given = self._options if policy is None else {**self._options, "policy": policy}
        return LazyPlanner(self._name, {k: v for k, v in given.items() if k != "tune"})

    def plan_load(self) -> LoadPlan | None:
        """How the engine is loaded or would be, as `plan_model` says; None for a server.

        Raises:
            OutOfMemoryBudget, ModelError, BadOptions: what loading would raise.
        """
        loaded = self.loaded
        if loaded:
            return loaded.load_plan
        is_remote = self._options.get("backend") == "remote"
        return None if is_remote else self._counter().load_plan

    def count_tokens(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> int:
        """`SmolVLM.count_tokens`; no weights are loaded for it.

        Raises:
            SmolVLMError: what that raises, and loading as far as it is known by then.
        """
        loaded = self.loaded
        if loaded:
            return loaded.count_tokens(messages, **options)
        return self._counter().count_tokens(messages, options)

    def encode(self, text: str) -> list[int]:
        """`SmolVLM.encode`; no weights are loaded for it. Raises as `count_tokens`."""
        loaded = self.loaded
        return loaded.encode(text) if loaded else self._counter().encode(text)

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

    def _counter(self) -> LazyPlanner:
        """A planner that is kept: it has read the tokenizer."""
        self._key()  # refuses unknown options
        if self._planner is None:
            self._planner = self.planner()
        return self._planner

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
        from .load_options import bind_load_options

        given = bind_load_options(self._name, self._options)
        return tuple((name, _frozen(value)) for name, value in given.items())

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

    def plan_load(self) -> LoadPlan | None:
        """How it was loaded; None where no plan was made."""
        return self.loaded.load_plan

    def count_tokens(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> int:
        """See `SmolVLM.count_tokens`."""
        return self.loaded.count_tokens(messages, **options)

    def encode(self, text: str) -> list[int]:
        """See `SmolVLM.encode`."""
        return self.loaded.encode(text)

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
