"""Errors in the words of an agent: options are arguments of the tools.

What a tool has no argument for is the business of whoever runs the server.
"""

from __future__ import annotations

from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.tools import TOOLS

_OF_THE_SERVER = {
    "ImagePolicy.agent": "`smolvlm mcp --root`",
    "ImagePolicy.allow_urls": "`smolvlm mcp --allow-urls`",
}
_ASK = "Ask whoever runs the server."


def in_arguments(error: SmolVLMError) -> SmolVLMError:
    """The same error in the words of the tools' arguments."""
    arguments = {name for tool in TOOLS.values() for name in tool.input.model_fields}

    def name_of(option: str) -> str | None:
        return option if option in arguments else _OF_THE_SERVER.get(option)

    said = error.in_words_of(name_of)
    return said if said.remedy or not error.remedy else said.reworded(said.reason, _ASK)
