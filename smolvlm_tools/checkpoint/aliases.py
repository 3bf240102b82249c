"""Short names of the published checkpoints and of the one in the package."""

from __future__ import annotations

from pathlib import Path

EMBEDDED = "embedded"
EMBEDDED_ID = "smolvlm-embedded"
"""What results of the embedded checkpoint are signed with."""

EMBEDDED_FOLDER = Path(__file__).resolve().parent.parent / "embedded"

ALIASES: dict[str, str] = {
    "256m": "HuggingFaceTB/SmolVLM-256M-Instruct",
    "500m": "HuggingFaceTB/SmolVLM-500M-Instruct",
    "2.2b": "HuggingFaceTB/SmolVLM-Instruct",
    "256m-video": "HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
    "500m-video": "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
    "2.2b-video": "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
    EMBEDDED: EMBEDDED_ID,
}
"""Alias to the id that results carry; a hub id for all but `embedded`."""

PARAMETERS: dict[str, int] = {
    "256m": 256_484_928,
    "500m": 507_482_304,
    "2.2b": 2_246_272_880,
    "256m-video": 256_484_928,
    "500m-video": 507_482_304,
    "2.2b-video": 2_246_784_880,
}
