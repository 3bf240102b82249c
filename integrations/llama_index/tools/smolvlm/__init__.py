"""The typed vision tools for LlamaIndex's agents.

Needs `pip install 'smolvlm-tools[llama-index]'`.
"""

from __future__ import annotations

from .spec import SmolVLMToolSpec

__all__ = ["SmolVLMToolSpec"]
