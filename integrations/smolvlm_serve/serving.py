"""From settings to a running server."""

from __future__ import annotations

import sys
from functools import partial

import anyio
from smolvlm_mcp.access_log import AccessLog, log_call
from smolvlm_mcp.cards import Cards
from smolvlm_mcp.collecting import set_aside
from smolvlm_mcp.guard import Door
from smolvlm_mcp.http import allowed_names, limits_of, listen, mcp_app, uvicorn_of
from smolvlm_mcp.metrics import Metrics
from smolvlm_mcp.observing import Activity
from smolvlm_mcp.origins import Allowed
from smolvlm_mcp.posture import say_posture
from smolvlm_mcp.server import make_server
from smolvlm_mcp.serving import images_in, roots, set_up_logging
from smolvlm_mcp.tracing import make_tracer
from starlette.types import ASGIApp

from smolvlm_tools.tools import TOOLS, ImageStore, agent_policy

from .app import NAMES, make_app
from .front import ServeFront
from .held_files import HeldFiles
from .house import House
from .images import Images
from .models import Models
from .settings import ServeSettings
from .stats import Stats


def run(settings: ServeSettings) -> None:
    """Serve until the process is told to stop."""
    set_up_logging(settings)
    listener = listen(settings.address)  # before a model is loaded: the address may be taken
    house = open_house(settings)
    try:
        say_posture()
        house.models.default.toolbox.preload()
        set_aside()
        door = Door(limits_of(settings))
        app = make_front(house, settings, door)
        host, port = listener.getsockname()[:2]
        _say(settings, f"[{host}]" if ":" in host else host, port)
        serve = partial(uvicorn_of(app, door).serve, sockets=[listener])
        anyio.run(serve)
    finally:
        house.models.close()


def open_house(settings: ServeSettings) -> House:
    """Everything but the door; no weights are loaded."""
    policy = agent_policy(roots(settings), allow_urls=settings.allow_urls)
    store = ImageStore(policy)
    spans = make_tracer()
    observers = [*([log_call] if settings.access_log else []), *([spans] if spans else [])]
    activity = Activity(observers, lambda: store.held_bytes, {*TOOLS, *NAMES})
    return House(
        Models.open(settings, store),
        Images(store, HeldFiles(policy, settings.files_bytes)),
        policy,
        activity,
        Stats(activity),
    )


def make_front(house: House, settings: ServeSettings, door: Door) -> ASGIApp:
    """The whole ASGI app, checks first."""
    host = settings.address[0]
    toolbox, store = house.models.default.toolbox, house.images.store
    cards = Cards(
        house.models.default.name, lambda: toolbox.loaded, store, images_in(settings), None
    )
    sessions = mcp_app(make_server(toolbox, cards, house.activity), door.limits, host)
    app = make_app(house, sessions, page=settings.page, origins=settings.allowed_origins)
    token = settings.token.get_secret_value() if settings.token else None
    metrics = Metrics.make(house.activity)
    allowed = Allowed.of(*allowed_names(settings, host))
    front = ServeFront(app, allowed, token, door, metrics)
    if metrics is not None:
        metrics.watch(door, sessions, front.room)
    return AccessLog(front) if settings.access_log else front


def _say(settings: ServeSettings, host: str, port: int) -> None:
    """What is where, for the person who started it."""
    lines = [f"serving {', '.join(settings.models)} on http://{host}:{port}"]
    lines += [f"  the page   http://{host}:{port}/"] if settings.page else []
    lines += [f"  OpenAI     http://{host}:{port}/v1", f"  Ollama     http://{host}:{port}"]
    lines += [f"  MCP        http://{host}:{port}/mcp", "  Ctrl-C ends it"]
    print("\n".join(lines), file=sys.stderr, flush=True)
