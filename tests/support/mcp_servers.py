"""Servers the MCP tests talk to: the real command, and one here whose decode steps are counted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client.stdio import StdioServerParameters
from smolvlm_mcp.cards import Cards
from smolvlm_mcp.http import listen, make_uvicorn
from smolvlm_mcp.server import make_server
from smolvlm_mcp.settings import read_settings

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.tools import TOOLS, ImageStore, Toolbox, agent_policy
from tests.support.gated import PATIENCE, GatedBackend
from tests.support.paths import ROOT, SHAPES

PREFILL_AND_TWO_STEPS = 3
ERAS = ["legacy", "2026-07-28"]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def every_call(image: str) -> dict[str, dict[str, Any]]:
    """Arguments for each tool."""
    calls: dict[str, dict[str, Any]] = {name: {"image": image} for name in TOOLS}
    calls["answer_question"] |= {"question": "How many shapes are there?", "answer_type": "integer"}
    count = {"name": "count", "question": "How many shapes are there?", "answer_type": "integer"}
    color = {"name": "color", "question": "What color is the circle?"}
    calls["answer_questions"] |= {"questions": [count, color]}
    calls["extract_fields"] |= {
        "schema": {"type": "object", "properties": {"color": {"enum": ["red", "blue"]}}}
    }
    calls["compare_images"] = {"images": [image, image]}
    return calls


def environment(**more: str) -> dict[str, str]:
    """This process's environment, where the packages are found from any folder."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "integrations")])
    clean = {name: value for name, value in os.environ.items() if "SMOLVLM_M" not in name}
    return {**clean, "PYTHONPATH": paths, **more}


def on_stdio(*flags: str, cwd: Path = ROOT, **more: str) -> StdioServerParameters:
    """How a client starts the real server."""
    return StdioServerParameters(
        command=sys.executable, args=["-m", "smolvlm_mcp", *flags], env=environment(**more), cwd=cwd
    )


POSTURE = "smolvlm-mcp: isolated reading: "
"""How the line on stderr begins that says what isolation holds; it comes at some time."""


def besides_posture(errors: str) -> str:
    """What is on stderr besides that line."""
    lines = errors.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(POSTURE))


@contextlib.contextmanager
def on_http(*flags: str, **more: str) -> Iterator[str]:
    """The real server on a free port; gives its URL."""
    command = [sys.executable, "-m", "smolvlm_mcp", "--http", "127.0.0.1:0", *flags]
    with subprocess.Popen(
        command, env=environment(**more), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if not line.startswith(POSTURE))
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        try:
            assert line.startswith("serving MCP on "), line
            yield line.split()[-1]
        finally:
            process.terminate()
            drain.join(PATIENCE)


class WatchedToolbox:
    """A toolbox that calls `on_end` when a call has ended, however it did."""

    def __init__(self, toolbox: Any, on_end: Callable[[], None]) -> None:
        self._toolbox = toolbox
        self._on_end = on_end

    async def acall(self, name: str, arguments: Mapping[str, Any], **options: Any) -> Any:
        try:
            return await self._toolbox.acall(name, arguments, **options)
        finally:
            self._on_end()


def counted_server() -> tuple[Any, GatedBackend]:
    """An MCP server whose third decode step waits until a call has ended, and its backend."""
    checkpoint = open_checkpoint("embedded")
    backend = GatedBackend(checkpoint.config, range(300, 900))
    backend.gate.release(PREFILL_AND_TWO_STEPS)
    engine = SmolVLM(checkpoint, backend, max_queue=8, batch_size=8)
    return serve_engine(engine, backend.open), backend


def serve_engine(
    engine: SmolVLM | Callable[[], SmolVLM], on_end: Callable[[], None] = lambda: None
) -> Any:
    """An MCP server over an engine, which may read the example images."""
    store = ImageStore(agent_policy([SHAPES.parent]))
    toolbox = Toolbox(engine, store=store)
    cards = Cards("embedded", lambda: toolbox.loaded, store, "Images are accepted.")
    return make_server(WatchedToolbox(toolbox, on_end), cards)


@contextlib.contextmanager
def http_thread(server: Any, **settings: Any) -> Iterator[str]:
    """A server in this process on a free port; gives its URL."""
    checked = read_settings(http="127.0.0.1:0", **settings)
    listener = listen(("127.0.0.1", 0))
    http = make_uvicorn(server, checked, listener)

    async def serve() -> None:
        await http.serve(sockets=[listener])

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        http.should_exit = True
        thread.join(PATIENCE)


def post(url: str, message: Any, **headers: str) -> httpx2.Response:
    """Send a message as a client without the SDK."""
    return httpx2.post(url, json=message, headers={**ACCEPT, **headers}, timeout=PATIENCE)
