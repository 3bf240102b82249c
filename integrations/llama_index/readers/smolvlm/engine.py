"""Which engine a component uses, as fields that LlamaIndex can copy, pickle and serialize."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseComponent
from pydantic import ConfigDict, Field, PrivateAttr, field_serializer

from smolvlm_tools import EngineSource, engine_source
from smolvlm_tools.errors import BadOptions, ModelError, SmolVLMError, StoreFull
from smolvlm_tools.images import ImagePolicy, PolicyLike
from smolvlm_tools.ingest import Ledger

if TYPE_CHECKING:
    from smolvlm_tools import SmolVLM


class EngineMissing(ModelError, ImportError):
    """The model, or a package that reading needs, is not there; the cause says which.

    It is an ImportError, because those are the only errors of a reader that `SimpleDirectoryReader`
    does not print and skip: without a model every file would be skipped.
    """

    code = "engine_missing"


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
    except ModelError as error:
        raise EngineMissing(error.reason, error.remedy) from error
    except StoreFull as error:
        raise CacheUnusable(error.reason, error.remedy) from error


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
        load_options: other keywords of `SmolVLM.load`, such as {"memory_budget": "900MB"}.
        policy: which images are let in, also where an `engine` has another policy: "trusted",
            "agent", "public" or an `ImagePolicy`. None for what fits those who name the images,
            which each component says.

    Args:
        engine: a loaded engine to use instead. It cannot be serialized: a component that is made
            from this one's dict or pickle says that there is no such model.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    model: str = "256m"
    load_options: dict[str, Any] = Field(default_factory=dict)
    policy: PolicyLike | None = None
    _engine: SmolVLM | None = PrivateAttr(default=None)
    _source: EngineSource | None = PrivateAttr(default=None)

    def __init__(self, engine: SmolVLM | None = None, **fields: Any) -> None:
        if engine is not None:
            if "model" in fields or "load_options" in fields:
                raise BadOptions("both an engine and a model are given", "Give one of the two.")
            fields["model"] = repr(engine)
        super().__init__(**fields)
        self._engine = engine

    @field_serializer("policy")
    def _policy_as_json(self, policy: PolicyLike | None) -> dict[str, Any] | str | None:
        if isinstance(policy, ImagePolicy):
            return policy.model_dump(mode="json", exclude_defaults=True)
        return policy

    def close(self) -> None:
        """Give the shared engine up; it is freed when nobody else uses it."""
        if self._source is not None:
            self._source.release()

    def _get_engine(self) -> SmolVLM:
        with or_missing():
            return self._shared().get()

    async def _aget_engine(self) -> SmolVLM:
        with or_missing():
            return await self._shared().aget()

    def _shared(self) -> EngineSource:
        if self._source is None:
            self._source = engine_source(self._engine, self.model, **self.load_options)
        return self._source
