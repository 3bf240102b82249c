"""Images and results → metadata of documents and nodes: flat, and the same in every run.

Flat, because most vector stores take nothing else. The same, because LlamaIndex hashes metadata to
tell whether a document has changed: seconds, memory and cache hits are left out, and confidences,
whose last bits depend on what else was decoded with them, are rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llama_index.core.schema import BaseNode

from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.ingest import OwnText
from smolvlm_tools.pages import Page
from smolvlm_tools.types import VisionResult

from .looks import Look, Said

SHA256 = "image_sha256"
"""Key of the digest of the image's encoded bytes."""

PAGE = "page_label"
FILE = "file_path"
ERROR = "smolvlm_error"
_FOR_THE_LLM = (FILE, PAGE, ERROR)
_DIGITS = 4
TRANSCRIBED = "transcription_flags"


def of_place(number: int, total: int) -> dict[str, Any]:
    """Which page of how many."""
    return {PAGE: str(number), "pages": total}


def of_image(page: Page) -> dict[str, Any]:
    """What is known before anybody has looked at the image."""
    return {
        SHA256: page.sha256,
        "image_type": page.mime,
        "image_width": page.width,
        "image_height": page.height,
    }


def of_result(look: Look, result: VisionResult) -> dict[str, Any]:
    """A result's fields; those of the look itself begin with its name."""
    usage = result.usage
    fields = {
        "smolvlm_model": result.model,
        "smolvlm_revision": result.revision,
        "smolvlm_backend": result.backend,
        "smolvlm_device": result.device,
        "smolvlm_precision": result.precision,
        f"{look}_confidence": round(result.confidence, _DIGITS),
        f"{look}_abstained": result.abstained or None,
        f"{look}_finish_reason": result.finish_reason,
        f"{look}_flags": ", ".join(result.flags) or None,
        f"{look}_prompt_tokens": usage.prompt_tokens,
        f"{look}_image_tokens": usage.image_tokens,
        f"{look}_completion_tokens": usage.completion_tokens,
        f"{look}_tiles": usage.tiles,
    }
    return {name: value for name, value in fields.items() if value is not None}


def of_error(error: SmolVLMError) -> dict[str, Any]:
    """What went wrong with an image."""
    return {ERROR: error.code, "smolvlm_error_reason": str(error)}


def of_outcomes(
    said: Said, tolerate: Callable[[SmolVLMError], SmolVLMError], own: OwnText | None = None
) -> tuple[str, dict[str, Any]]:
    """The texts of all looks, and their metadata; `tolerate` raises what is not to be recorded.

    `own` is the page's own text, whether it is used or not.
    """
    if isinstance(said, SmolVLMError):
        return "", of_error(said)
    texts: list[str] = []
    sources: list[str] = []
    metadata: dict[str, Any] = {}
    for look, outcome in said.items():
        if isinstance(outcome, SmolVLMError):
            metadata |= of_error(tolerate(outcome))
        elif isinstance(outcome, OwnText):
            texts.append(outcome.text)
            sources += ["layer"] if outcome.text else []
        else:
            texts.append(outcome.text.strip())
            sources.append("model")
            metadata |= of_result(look, outcome)
    flags = [*(own.flags if own else ()), *(f for f in [metadata.get(TRANSCRIBED)] if f)]
    if flags:
        metadata[TRANSCRIBED] = ", ".join(flags)
    if sources:
        metadata["text_source"] = "both" if len(set(sources)) == 2 else sources[0]
    return "\n\n".join(text for text in texts if text), metadata


def write(node: BaseNode, metadata: Mapping[str, Any]) -> None:
    """Put metadata into a node and keep it out of embeddings and, mostly, of prompts."""
    node.metadata = {**node.metadata, **metadata}
    embed, llm = node.excluded_embed_metadata_keys, node.excluded_llm_metadata_keys
    node.excluded_embed_metadata_keys = [*embed, *(key for key in metadata if key not in embed)]
    node.excluded_llm_metadata_keys = [
        *llm,
        *(key for key in metadata if key not in llm and key not in _FOR_THE_LLM),
    ]
