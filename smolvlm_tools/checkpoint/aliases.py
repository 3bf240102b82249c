"""The names of checkpoints: aliases and hub ids."""

from __future__ import annotations

import re
from pathlib import Path

HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*", re.ASCII)
"""owner/name"""

EMBEDDED = "embedded"
EMBEDDED_ID = "smolvlm-embedded"
"""The embedded checkpoint's name in results."""

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
"""Alias → the id in results; a hub id for all but `embedded`."""

PARAMETERS: dict[str, int] = {
    "256m": 256_484_928,
    "500m": 507_482_304,
    "2.2b": 2_246_272_880,
    "256m-video": 256_484_928,
    "500m-video": 507_482_304,
    "2.2b-video": 2_246_784_880,
}
