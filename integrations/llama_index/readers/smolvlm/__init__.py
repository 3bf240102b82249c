"""SmolVLM for LlamaIndex's ingestion: files and image nodes → text; converts and delegates.

    file → smolvlm_tools.pages → looks (SmolVLM, by engine) → metadata → Document   (reader)
    image node ─────────────────→ looks ────────────────────→ metadata → node       (transform)

Needs `pip install 'smolvlm-tools[llama-index,pdf]'`.
"""

from __future__ import annotations

from .async_documents import AsyncDocuments
from .engine import BudgetTooSmall, CacheUnusable, EngineMissing
from .reader import SmolVLMImageReader
from .suffixes import IMAGE_SUFFIXES
from .transform import SmolVLMTransform, with_image_sha256

__all__ = [
    "IMAGE_SUFFIXES",
    "AsyncDocuments",
    "BudgetTooSmall",
    "CacheUnusable",
    "EngineMissing",
    "SmolVLMImageReader",
    "SmolVLMTransform",
    "with_image_sha256",
]
