"""SmolVLM in LangChain: a chat model that sees, its typed tools, and loaders of images and PDFs.

chat       ChatSmolVLM, configured by its fields; converts messages, replies and schemas
no_tools   ToolsNotSupported: why it cannot be the planner of an agent
toolkit    SmolVLMToolkit
documents  SmolVLMBlobParser
loader     SmolVLMLoader, over files, folders and patterns
"""

from __future__ import annotations

from .chat import ChatSmolVLM
from .documents import SmolVLMBlobParser
from .loader import SmolVLMLoader
from .no_tools import ToolsNotSupported
from .toolkit import SmolVLMToolkit

__all__ = [
    "ChatSmolVLM",
    "SmolVLMBlobParser",
    "SmolVLMLoader",
    "SmolVLMToolkit",
    "ToolsNotSupported",
]
