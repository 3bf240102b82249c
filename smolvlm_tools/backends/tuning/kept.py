"""Where measurements are kept: a small file each, in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import ValidationError

from ...checkpoint import Checkpoint
from ...machine.whole_file import write_whole
from .speeds import Place, Speed, Tuning

logger = logging.getLogger(__name__)


def folder() -> Path:
    """For all measurements of this user."""
    return user_cache_path("smolvlm-tools", appauthor=False) / "tuning"


def keep(tuning: Tuning) -> Path:
    """Keep a measurement in place of an earlier one for the same; returns its file."""
    path = _path(tuning.place)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, tuning.model_dump_json(indent=1) + "\n")
    return path


def find(place: Place) -> Tuning | None:
    """What was measured in a place; None if nothing was."""
    path = _path(place)
    try:
        tuning = Tuning.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        logger.warning("%s is damaged (%s); run `smolvlm tune` again", path, _first_line(error))
        return None
    return tuning if tuning.place == place else None


def find_speed(
    checkpoint: Checkpoint, backend: str, precision: str, device: str, threads: int | None
) -> Speed | None:
    """What a way of running a checkpoint takes here; None where it was not measured."""
    if device != "cpu":
        return None
    tuning = find(Place.here(checkpoint, threads))
    return tuning and tuning.find(backend, precision)


def _path(place: Place) -> Path:
    text = json.dumps(place.model_dump(mode="json"), sort_keys=True)
    return folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
