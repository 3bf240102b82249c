"""Which engine a component uses, as fields that LlamaIndex can copy, pickle and serialize."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Self

from llama_index.core.schema import BaseComponent
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_serializer,
    model_validator,
)

from smolvlm_tools import EngineSource, check_load_options, engine_source
from smolvlm_tools.errors import (
    BadOptions,
    ModelError,
    OutOfMemoryBudget,
    SmolVLMError,
    StoreFull,
)
from smolvlm_tools.images import ImagePolicy, PolicyLike
from smolvlm_tools.ingest import Ledger

if TYPE_CHECKING:
    from smolvlm_tools import SmolVLM


LOG = logging.getLogger("llama_index.smolvlm")
_LOADING = (
    "backend", "precision", "device", "resolution", "memory_budget", "revision", "local_files_only",
    "base_url",
)  # fmt: skip


def as_text(path: Any) -> Any:
    """A path as text, and anything else as it is."""
    return os.fspath(path) if isinstance(path, os.PathLike) else path


class EngineMissing(ModelError, ImportError):
    """The model, or a package that reading needs, is not there; the cause says which.

    It is an ImportError, because those are the only errors of a reader that `SimpleDirectoryReader`
    does not print and skip: without a model every file would be skipped.
    """

    code = "engine_missing"


class BudgetTooSmall(OutOfMemoryBudget, ImportError):
    """The model cannot be loaded within `memory_budget`; raised by readers.

    It is an ImportError for the same reason as `EngineMissing`.
    """


class CacheUnusable(SmolVLMError, ImportError):
    """The file of `cache` cannot be read or written; the cause says why.

    It is an ImportError for the same reason as `EngineMissing`.
    """

    code = "cache_unusable"


@contextmanager
def or_missing() -> Generator[None]:
    """Raise what is wrong for every file in a form that `SimpleDirectoryReader` does not skip."""
    try:
        yield
    except OutOfMemoryBudget:
        raise
    except ModelError as error:
        raise EngineMissing(error.reason, error.remedy) from error
    except StoreFull as error:
        raise CacheUnusable(error.reason, error.remedy) from error


@contextmanager
def or_too_small() -> Generator[None]:
    """Raise that the model does not fit in a form that `SimpleDirectoryReader` does not skip."""
    try:
        yield
    except OutOfMemoryBudget as error:
        raise BudgetTooSmall(error.reason, error.remedy, error.needed_bytes) from error


def check_cache(path: str | None) -> None:
    """Open the file once; raises CacheUnusable."""
    if path is not None:
        try:
            Ledger(path).close()
        except (BadOptions, StoreFull) as error:
            raise CacheUnusable(error.reason, error.remedy) from error


class EngineSettings(BaseComponent):
    """A model by name, loaded when it is first needed, once for all who name it alike.

    Attributes:
        model: a checkpoint; see `SmolVLM.load`.
        backend: this and the following are keywords of `SmolVLM.load`.
        load_options: the other keywords of `SmolVLM.load`, such as {"max_queue": 64}.
        policy: which images are let in, also where an `engine` has another policy: "trusted",
            "agent", "public" or an `ImagePolicy`. None for what fits those who name the images,
            which each component says.

    Args:
        engine: a loaded engine to use instead. It cannot be serialized: a component that is made
            from this one's dict or pickle says that there is no such model.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    model: Annotated[str, BeforeValidator(as_text)] = "256m"
    backend: str = "auto"
    precision: str | dict[str, str] = "auto"
    device: str = "auto"
    resolution: str | int = "auto"
    memory_budget: int | str | None = None
    revision: str | None = None
    local_files_only: bool = False
    base_url: str | None = None
    load_options: dict[str, Any] = Field(default_factory=dict)
    policy: PolicyLike | None = None
    _engine: SmolVLM | None = PrivateAttr(default=None)
    _source: EngineSource | None = PrivateAttr(default=None)

    def __init__(self, engine: SmolVLM | None = None, **fields: Any) -> None:
        if engine is not None:
            if fields.keys() & {"model", "load_options", *_LOADING}:
                raise BadOptions("both an engine and a model are given", "Give one of the two.")
            fields["model"] = repr(engine)
        super().__init__(**fields)
        self._engine = engine

    @model_validator(mode="after")
    def _check_loading(self) -> Self:
        """Refuse what no model can be loaded with; raises BadOptions."""
        check_load_options(self.model, **self.loading())
        ImagePolicy.named(self.policy, "trusted")
        return self

    @field_serializer("policy")
    def _policy_as_json(self, policy: PolicyLike | None) -> dict[str, Any] | str | None:
        if isinstance(policy, ImagePolicy):
            return policy.model_dump(mode="json", exclude_defaults=True)
        return policy

    def loading(self) -> dict[str, Any]:
        """The keywords of `SmolVLM.load`.

        Raises:
            BadOptions: a field and `load_options` contradict each other.
        """
        fields = {name: getattr(self, name) for name in _LOADING}
        for name in sorted(self.load_options.keys() & fields.keys()):
            default = type(self).model_fields[name].default
            if fields[name] not in (default, self.load_options[name]):
                raise BadOptions(
                    f"{name}={fields[name]!r:.60}, but load_options says "
                    f"{self.load_options[name]!r:.60}",
                    f"Give {name} once.",
                )
        return {**fields, **self.load_options}

    def check_budget(self) -> None:
        """Plan to load the model within its `memory_budget`; no weights are loaded.

        Any other problem with the model is left to whoever needs it.

        Raises:
            OutOfMemoryBudget: it is too small.
        """
        if self.loading()["memory_budget"] is not None:
            try:
                self.source().plan_load()
            except OutOfMemoryBudget:
                raise
            except ModelError as error:
                LOG.debug("not planned: %s", error)

    def close(self) -> None:
        """Give the shared engine up; it is freed when nobody else uses it."""
        if self._source is not None:
            self._source.release()

    def _get_engine(self) -> SmolVLM:
        with or_missing():
            return self.source().get()

    async def _aget_engine(self) -> SmolVLM:
        with or_missing():
            return await self.source().aget()

    def source(self) -> EngineSource:
        """The engine, or a claim on the shared one."""
        if self._source is None:
            self._source = engine_source(self._engine, self.model, **self.loading())
        return self._source
