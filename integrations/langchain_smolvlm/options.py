"""What users of LangChain pass → keywords of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list

from smolvlm_tools import RequestOptions

LOADING = (
    "backend",
    "precision",
    "device",
    "resolution",
    "memory_budget",
    "revision",
    "local_files_only",
)
"""Fields of the chat model that `SmolVLM.load` takes."""

GENERATION = ("temperature", "top_p", "top_k", "seed", "stop", "repetition_guard", "logprobs")
"""Fields of the chat model that are `GenerationOptions`, but for the longest reply."""

FOR_SERVERS = frozenset({"timeout", "request_timeout", "max_retries", "api_key", "base_url"})
"""What users of other chat models pass and this one, which calls no server, has no use for."""

PROFILE: Mapping[str, Any] = {
    "open_weights": True,
    "text_inputs": True,
    "image_inputs": True,
    "image_url_inputs": True,
    "image_tool_message": True,
    "text_outputs": True,
    "temperature": True,
    "structured_output": True,
    "tool_calling": False,
}
"""What every SmolVLM can do, in the words of LangChain's `ModelProfile`."""

_FOR_LANGCHAIN = frozenset({"model", "stream", "max_tokens"})


def longest_reply(given: Mapping[str, Any]) -> int | None:
    """`max_new_tokens`, or else its alias `max_tokens`."""
    longest = given.get("max_new_tokens")
    return given.get("max_tokens") if longest is None else longest


def request_options(
    fields: Mapping[str, Any], call: Mapping[str, Any], stop: list[str] | None
) -> RequestOptions:
    """Options of one call: the model's own and, over them, the call's.

    Names that the engine does not know are passed on, for it to refuse.
    """
    dropped = FOR_SERVERS | _FOR_LANGCHAIN
    options = {name: fields[name] for name in GENERATION}
    options.update((name, value) for name, value in call.items() if name not in dropped)
    longest = longest_reply(call)
    options["max_new_tokens"] = longest_reply(fields) if longest is None else longest
    options["stop"] = options["stop"] if stop is None else stop
    given = {name: value for name, value in options.items() if value is not None}
    return cast("RequestOptions", given)


def bounded(
    config: RunnableConfig | Sequence[RunnableConfig] | None, count: int, room: int
) -> list[RunnableConfig]:
    """The configurations of a batch of which no more wait than the queue of the engine holds."""
    configs = get_config_list(config, count)
    for one in configs:
        one["max_concurrency"] = one.get("max_concurrency") or room
    return configs
