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

_PUBLISHED = {
    "256m": ("HuggingFaceTB/SmolVLM-256M-Instruct", 256_484_928),
    "500m": ("HuggingFaceTB/SmolVLM-500M-Instruct", 507_482_304),
    "2.2b": ("HuggingFaceTB/SmolVLM-Instruct", 2_246_272_880),
    "256m-video": ("HuggingFaceTB/SmolVLM2-256M-Video-Instruct", 256_484_928),
    "500m-video": ("HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 507_482_304),
    "2.2b-video": ("HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2_246_784_880),
}
PARAMETERS = {alias: parameters for alias, (_, parameters) in _PUBLISHED.items()}

ALIASES = {alias: hub_id for alias, (hub_id, _) in _PUBLISHED.items()} | {EMBEDDED: EMBEDDED_ID}
"""Alias → the id in results; a hub id for all but `embedded`."""
