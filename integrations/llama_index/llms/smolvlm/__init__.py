"""SmolVLM as a LlamaIndex LLM: chat with images, complete, stream, structured answers.

Needs `pip install 'smolvlm-tools[llama-index]'`.
"""

from __future__ import annotations

from .llm import SmolVLMLLM
from .messages import to_messages

__all__ = ["SmolVLMLLM", "to_messages"]
