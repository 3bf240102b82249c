"""From settings to a running server."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec
from pathlib import Path

import anyio

from smolvlm_tools import Calibration, find_name, parse_bytes
from smolvlm_tools.backends.choose import check_names
from smolvlm_tools.engine.remote.settings import RemoteSettings
from smolvlm_tools.errors import BadOptions
from smolvlm_tools.tools import ImageStore, Toolbox, agent_policy

from .access_log import JsonFormatter, log_call
from .cards import Cards
from .collecting import after_loading, set_aside
from .observing import Activity, Observer
from .posture import say_posture
from .server import make_server
from .settings import Settings
from .stdio import Wire, serve_until_ctrl_c
from .tracing import make_tracer

_FOR_THE_ENGINE = {
    *("backend", "precision", "device", "memory_budget", "calibration", "max_queue", "batch_size"),
    "base_url",
}
"""Settings that `SmolVLM.load` takes under the same name."""


def run(settings: Settings, wire: Wire) -> None:
    """Serve until the client leaves or the process is told to stop."""
    set_up_logging(settings)
    store = ImageStore(agent_policy(roots(settings), allow_urls=settings.allow_urls))
    with load_toolbox(settings, store) as toolbox:
        forms, sent_to = images_in(settings), _server(settings)
        cards = Cards(settings.model, lambda: toolbox.loaded, store, forms, sent_to)
        activity = _activity(settings, store)
        activity.observers.append(after_loading(toolbox))
        server = make_server(toolbox, cards, activity)
        say_posture()
        if settings.preload:
            toolbox.preload()
        set_aside()
        if settings.address is None:
            if anyio.run(serve_until_ctrl_c, server, wire):
                raise KeyboardInterrupt
        else:
            from .http import listen, serve_http

            anyio.run(serve_http, server, settings, listen(settings.address), activity)


def set_up_logging(settings: Settings) -> None:
    """What libraries log goes to stderr, as lines of JSON with --access-log."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(name)s: %(message)s")
    handler.setLevel(logging.WARNING)  # what `smolvlm -v` shows besides, it shows itself
    handler.setFormatter(JsonFormatter() if settings.access_log else plain)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _activity(settings: Settings, store: ImageStore) -> Activity:
    """What is told of calls, and to whom."""
    spans = make_tracer()
    observers: list[Observer] = [log_call] if settings.access_log else []
    return Activity([*observers, *([spans] if spans else [])], lambda: store.held_bytes)


def load_toolbox(settings: Settings, store: ImageStore) -> Toolbox:
    """The tools over the model in the settings; the first call that needs the model loads it."""
    check_model(settings)
    return Toolbox.load(
        settings.model,
        store=store,
        local_files_only=settings.offline,
        **settings.model_dump(include=_FOR_THE_ENGINE),
    )


def check_model(settings: Settings) -> str | None:
    """Address of the server that runs the model; None if it runs here.

    A typo in a name, an amount of memory or a calibration is refused now rather than at the first
    call.
    """
    server = _server(settings)
    if server is None:
        find_name(settings.model)
        check_names(settings.backend, settings.precision, settings.device)
    if settings.memory_budget is not None:
        parse_bytes(settings.memory_budget)
    if settings.calibration is not None:
        Calibration.read(settings.calibration)
    return server


def _server(settings: Settings) -> str | None:
    """Address of the server that runs the model, checked; None if it runs here."""
    if settings.backend != "remote":
        if settings.base_url is not None:
            raise BadOptions(
                "base_url is about a server, but the model would run in this process",
                "Add --backend remote, or leave --base-url out.",
            )
        return None
    return RemoteSettings.of(settings.model, settings.base_url).base_url


def roots(settings: Settings) -> tuple[Path, ...]:
    """Folders that images may be read from.

    By default stdio serves the folder its client started it in. Some clients start servers in the
    root of the file system without meaning to open all of it, so then no folder is served.
    """
    if settings.roots is not None:
        folders = tuple(folder.expanduser().absolute() for folder in settings.roots)
        for folder in folders:
            if not folder.is_dir():
                raise BadOptions(f"the root {str(folder)!r} is not a folder", "Name one that is.")
        return folders
    here = Path.cwd()
    return () if settings.http is not None or here == Path(here.anchor) else (here,)


def images_in(settings: Settings) -> str:
    """In which forms images are taken, for the model's card."""
    forms = ["data URI", "handle (img:…) or smolvlm://images/ URI of an image loaded before"]
    if roots(settings):
        forms.insert(0, "path in an allowed folder")
    if settings.allow_urls:
        forms.append("public http(s) URL")
    pdf = ", PDF" if find_spec("pypdfium2") else ""
    kinds = f"PNG, JPEG, WEBP, GIF, BMP, TIFF{pdf}"
    return f"Images are accepted as {', '.join(forms)}; {kinds}, to 20 MB."
