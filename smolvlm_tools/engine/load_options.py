"""Keywords of `SmolVLM.load`, checked before there is a model or a server."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..errors import BadOptions
from ..images import ImagePolicy
from ..prompt.resolution import parse_resolution
from .planner import LoadOptions, LoadWish
from .remote.settings import BACKEND, OF_SERVERS, refuse_local_options, refuse_remote_options
from .worker import check_bounds


def bind_load_options(name: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of `SmolVLM.load`, with its defaults.

    Raises:
        BadOptions: `SmolVLM.load` has no such option.
    """
    from .smolvlm import SmolVLM

    try:
        given = inspect.signature(SmolVLM.load).bind(name, **options)
    except TypeError as error:
        raise BadOptions(f"the engine cannot be loaded so: {error}", "See SmolVLM.load.") from None
    given.apply_defaults()
    return dict(given.arguments)


def check_load_options(name: str | Path = "256m", **options: Any) -> None:
    """Check what `SmolVLM.load` would be given, as far as no model or server is needed for it.

    Raises:
        BadOptions: an unknown name, an impossible value, or some that do not go together.
    """
    if not isinstance(cast("object", name), (str, Path)):
        raise BadOptions(f"{name!r:.60} names no model", "Give an alias, a hub id or a folder.")
    given = bind_load_options(name, options)
    check_bounds(batch_size=given["batch_size"], max_queue=given["max_queue"])
    ImagePolicy.named(given["policy"], "trusted")
    if given["backend"] == BACKEND:
        refuse_local_options(options)
        return
    refuse_remote_options({key: given[key] for key in OF_SERVERS})
    parse_resolution(given["resolution"])
    LoadWish.of(cast("LoadOptions", {key: given[key] for key in LoadOptions.__annotations__}))
