"""Errors in the words of an agent: options are arguments of the tools.

What a tool has no argument for is the business of whoever runs the server.
"""

from __future__ import annotations

from collections.abc import Mapping

from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.tools import TOOLS

_OF_THE_SERVER = {
    "ImagePolicy.agent": "`smolvlm mcp --root`",
    "ImagePolicy.allow_urls": "`smolvlm mcp --allow-urls`",
}
_ASK = "Ask whoever runs the server."


def in_arguments(error: SmolVLMError, others: Mapping[str, str] = _OF_THE_SERVER) -> SmolVLMError:
    """The same error in the words of the tools' arguments.

    Args:
        others: what options are called that are no arguments; the rest has no name.
    """
    arguments = {name for tool in TOOLS.values() for name in tool.input.model_fields}

    def name_of(option: str) -> str | None:
        return option if option in arguments else others.get(option)

    said = error.in_words_of(name_of)
    return said if said.remedy or not error.remedy else said.reworded(said.reason, _ASK)
