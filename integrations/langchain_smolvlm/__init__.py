"""SmolVLM in LangChain: a chat model that sees, its typed tools, and loaders of images and PDFs.

    chat       ChatSmolVLM, configured by its fields; messages, options, replies, structured: what
               it converts
    toolkit    SmolVLMToolkit
    documents  SmolVLMBlobParser, SmolVLMLoader

Knows LangChain and the engine's public methods; no model.
"""

from __future__ import annotations

from .chat import ChatSmolVLM
from .documents import SmolVLMBlobParser, SmolVLMLoader
from .toolkit import SmolVLMToolkit

__all__ = ["ChatSmolVLM", "SmolVLMBlobParser", "SmolVLMLoader", "SmolVLMToolkit"]
