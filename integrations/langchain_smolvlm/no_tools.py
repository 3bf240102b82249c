"""Why a `ChatSmolVLM` cannot be the planner of an agent, said wherever one tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smolvlm_tools.errors import SmolVLMError

FOR_PLANNERS = frozenset({"tools", "tool_choice", "functions", "response_format"})
"""Keywords of calls that only models which choose tools take."""


class ToolsNotSupported(SmolVLMError, NotImplementedError):
    """SmolVLM was asked to choose among tools, or for structure in the form that agents ask in.

    A NotImplementedError too, as that is what LangChain's models raise that call no tools.
    """

    code = "tools_not_supported"


def tools_not_supported(given: Mapping[str, Any]) -> ToolsNotSupported:
    """The error for a call with some of `FOR_PLANNERS`, or for `bind_tools`."""
    if given.get("response_format") is not None:
        return ToolsNotSupported(
            "ChatSmolVLM does not take response_format, which agents bind together with tools",
            "Use ChatSmolVLM.with_structured_output(schema): decoding is held to the schema.",
        )
    return ToolsNotSupported(
        "ChatSmolVLM cannot be the model of an agent: SmolVLM was not trained to choose tools "
        "(docs/adr/0011-langchain-no-bind-tools.md)",
        "Give SmolVLMToolkit(…).get_tools() to an agent whose model calls tools, or use "
        "ChatSmolVLM.with_structured_output(schema) for one value.",
    )
