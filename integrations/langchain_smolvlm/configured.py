"""What a `ChatSmolVLM` is configured by, and which engine that means."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from inspect import signature
from typing import Any, Self, cast

from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list
from pydantic import Field, PrivateAttr, model_validator

from smolvlm_tools import (
    BadOptions,
    EngineSource,
    ImagePolicy,
    RequestOptions,
    SharedEngine,
    SmolVLM,
    SmolVLMError,
    __version__,
    check_load_options,
    check_options,
    engine_source,
    open_checkpoint,
)
from smolvlm_tools.images import PolicyLike
from smolvlm_tools.types import OnIncomplete

from .no_tools import FOR_PLANNERS, tools_not_supported
from .replies import PROVIDER

_LOADING = (
    "backend", "precision", "device", "resolution", "memory_budget", "revision", "local_files_only",
    "base_url",
)  # fmt: skip
_GENERATION = ("temperature", "top_p", "top_k", "seed", "stop", "repetition_guard", "logprobs")
_POLICY = ("min_confidence", "min_field_confidence", "on_incomplete")
_FOR_SERVERS = frozenset({"timeout", "request_timeout", "max_retries", "api_key"})
"""What users of other chat models pass and this one has no use for; backend "remote" takes
`timeout`, `retries` and `api_key` in `load_options`."""

_FOR_LANGCHAIN = _FOR_SERVERS | FOR_PLANNERS | {"model", "stream", "max_tokens", "base_url"}
_PROFILE: Mapping[str, Any] = {
    "open_weights": True,
    "text_inputs": True,
    "image_inputs": True,
    "image_url_inputs": True,
    "image_tool_message": True,
    "pdf_inputs": find_spec("pypdfium2") is not None,
    "audio_inputs": False,
    "video_inputs": False,
    "text_outputs": True,
    "image_outputs": False,
    "audio_outputs": False,
    "video_outputs": False,
    "reasoning_output": False,
    "temperature": True,
    "structured_output": True,
    "tool_calling": False,
    "tool_choice": False,
}
"""What every SmolVLM can do, in the words of LangChain's `ModelProfile`."""

_MAX_QUEUE = signature(SmolVLM.load).parameters["max_queue"].default


class Configured(BaseChatModel):
    """The fields of `ChatSmolVLM`, which says what they mean."""

    model: str = "256m"
    backend: str = "auto"
    precision: str | dict[str, str] = "auto"
    device: str = "auto"
    resolution: str | int = "auto"
    memory_budget: int | str | None = None
    revision: str | None = None
    local_files_only: bool = False
    base_url: str | None = None
    policy: PolicyLike | None = None
    load_options: dict[str, Any] = Field(default_factory=dict)
    max_new_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: list[str] | str | None = None
    repetition_guard: bool | None = None
    logprobs: bool | None = None
    min_confidence: float | None = None
    min_field_confidence: float | None = None
    on_incomplete: OnIncomplete | None = None
    busy_timeout: float = Field(default=60.0, ge=0)
    streaming: bool = False
    engine: SmolVLM | None = Field(default=None, exclude=True, repr=False)
    _claims: dict[str, SharedEngine] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _check_fields(cls, values: Any) -> Any:
        """LangChain ignores what a model does not know; a typo is worth a warning.

        Raises:
            BadOptions: an impossible value of an option of requests.
        """
        if isinstance(values, Mapping):
            given = cast("Mapping[str, Any]", values)
            aliases = {field.alias for field in cls.model_fields.values()}
            known = {*cls.model_fields, *aliases, *_FOR_SERVERS}
            for name in sorted(set(given) - known):
                warnings.warn(f"ChatSmolVLM has no option {name!r}: ignored", stacklevel=4)
            check_options(_of_requests(given))
        return values

    @model_validator(mode="after")
    def _check_loading(self) -> Self:
        """Refuse what no model can be loaded with; raises BadOptions."""
        check_load_options(self.model, **self._loading())
        return self

    @model_validator(mode="after")
    def _set_smolvlm_version(self) -> Self:
        if hasattr(BaseChatModel, "_add_version"):  # langchain-core 1.0 records no versions
            self._add_version("langchain-smolvlm", __version__)
        return self

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """Everything a reply depends on: it becomes part of the keys of LangChain's caches."""
        return {
            **{name: getattr(self, name) for name in ("model", *_LOADING, "load_options")},
            **{name: getattr(self, name) for name in (*_GENERATION, *_POLICY)},
            "max_new_tokens": _longest_reply(vars(self)),
            "policy": _as_json(self.policy or "agent"),
            "engine": repr(self.engine) if self.engine is not None else None,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        options = self._options(kwargs, stop)
        params = LangSmithParams(
            ls_provider=PROVIDER,
            ls_model_type="chat",
            ls_model_name=kwargs.get("model") or self.model,
            ls_temperature=options.get("temperature", 0.0),
            ls_max_tokens=options.get("max_new_tokens"),
        )
        if "stop" in options:
            stop_texts = options["stop"]
            params["ls_stop"] = [stop_texts] if isinstance(stop_texts, str) else list(stop_texts)
        return params

    def _resolve_model_profile(self) -> Any:
        profile = {**_PROFILE, "name": f"SmolVLM {self.model}"}
        if self.engine is None and self.backend != "remote":
            with suppress(SmolVLMError):  # not on this machine yet, and not worth a download
                checkpoint = open_checkpoint(
                    self.model, revision=self.revision, local_files_only=True
                )
                profile["max_input_tokens"] = checkpoint.config.text.context_length
        return profile

    def close(self) -> None:
        """Give the shared engine up; the last model that uses it frees the weights."""
        for claim in self._claims.values():
            claim.release()

    def __getstate__(self) -> dict[Any, Any]:
        if self.engine is not None:
            raise BadOptions(
                "a ChatSmolVLM with an engine of its own cannot be pickled",
                "Configure it by model=… instead of engine=….",
            )
        return super().__getstate__()

    def _options(self, call: Mapping[str, Any], stop: list[str] | None) -> RequestOptions:
        """The model's own options and, over them, the call's, which the engine checks.

        Raises:
            ToolsNotSupported: the call is one of an agent.
        """
        if any(call.get(name) is not None for name in FOR_PLANNERS):
            raise tools_not_supported(call)
        options = _of_requests(vars(self))
        own = options.get("max_new_tokens")
        options.update((name, value) for name, value in call.items() if name not in _FOR_LANGCHAIN)
        longest = _longest_reply(call)
        options["max_new_tokens"] = own if longest is None else longest
        if stop is not None:
            options["stop"] = stop
        given = {name: value for name, value in options.items() if value is not None}
        # Others write the messages than who has loaded the engine, which may be a given one.
        given["policy"] = ImagePolicy.named(call.get("policy"), self.policy or "agent")
        return cast("RequestOptions", given)

    def _bounded(
        self, config: RunnableConfig | Sequence[RunnableConfig] | None, count: int
    ) -> list[RunnableConfig]:
        """The configurations of a batch of which no more wait than the engine's queue holds."""
        configs = get_config_list(config, count)
        for one in configs:
            room = int(self.load_options.get("max_queue", _MAX_QUEUE))
            one["max_concurrency"] = one.get("max_concurrency") or room
        return configs

    def _loading(self) -> dict[str, Any]:
        """The keywords of `SmolVLM.load`."""
        for name in sorted(set(_LOADING) & set(self.load_options)):
            raise BadOptions(
                f"load_options has {name!r}, which is a field of its own",
                f"Write ChatSmolVLM({name}=…).",
            )
        return {**{name: getattr(self, name) for name in _LOADING}, **self.load_options}

    def _source(self, call: Mapping[str, Any]) -> EngineSource:
        model = call.get("model") or self.model
        if self.engine is not None and model == self.model:
            return engine_source(self.engine, model)
        if model not in self._claims:
            claim = SharedEngine(model, **self._loading())
            self._claims.setdefault(model, claim)
        return self._claims[model]


def _of_requests(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields that are options of requests, if they are set, under the engine's names."""
    options = {name: fields.get(name) for name in (*_GENERATION, *_POLICY)}
    options["max_new_tokens"] = _longest_reply(fields)
    return {name: value for name, value in options.items() if value is not None}


def _as_json(policy: PolicyLike) -> Any:
    return policy.model_dump(mode="json") if isinstance(policy, ImagePolicy) else policy


def _longest_reply(given: Mapping[str, Any]) -> int | None:
    """`max_new_tokens`, or else its alias `max_tokens`."""
    longest = given.get("max_new_tokens")
    return given.get("max_tokens") if longest is None else longest
