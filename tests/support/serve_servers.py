"""Servers the tests of `smolvlm serve` talk to: the real command, and one here with a gate."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import anyio
from smolvlm_mcp.guard import Door
from smolvlm_mcp.http import limits_of, listen, uvicorn_of
from smolvlm_mcp.observing import Activity
from smolvlm_serve.app import NAMES
from smolvlm_serve.held_files import HeldFiles
from smolvlm_serve.house import House
from smolvlm_serve.images import Images
from smolvlm_serve.models import Models, ServedModel
from smolvlm_serve.serving import make_front
from smolvlm_serve.settings import read_settings
from smolvlm_serve.stats import Stats

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.tools import TOOLS, ImageStore, Toolbox, agent_policy
from tests.support.gated import PATIENCE, GatedBackend
from tests.support.mcp_servers import environment
from tests.support.paths import ROOT


class Gated(NamedTuple):
    """A server in this process, and what it runs."""

    url: str
    backend: GatedBackend
    vlm: SmolVLM


@contextlib.contextmanager
def served(*flags: str, **more: str) -> Iterator[str]:
    """The real command with the embedded model on a free port; gives its URL."""
    command = [sys.executable, "-m", "smolvlm_serve", "--model", "embedded", "--port", "0", *flags]
    with subprocess.Popen(
        command, env=environment(**more), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("serving "):
                break
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        try:
            assert lines and lines[-1].startswith("serving "), "".join(lines)
            yield lines[-1].split()[-1]
        finally:
            process.terminate()
            drain.join(PATIENCE)


@contextlib.contextmanager
def served_here(engine: SmolVLM, **flags: Any) -> Iterator[str]:
    """A server in this process over an engine that a test holds; gives its URL."""
    settings = read_settings(models=("embedded",), port=0, **flags)
    policy = agent_policy([])
    store = ImageStore(policy)
    activity = Activity(names={*TOOLS, *NAMES})
    house = House(
        Models([ServedModel("embedded", Toolbox(engine, store=store))]),
        Images(store, HeldFiles(policy, settings.files_bytes)),
        policy,
        activity,
        Stats(activity),
    )
    listener = listen(settings.address)
    door = Door(limits_of(settings))
    http = uvicorn_of(make_front(house, settings, door), door)

    async def serve() -> None:
        await http.serve(sockets=[listener])

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        http.should_exit = True
        thread.join(PATIENCE)


@contextlib.contextmanager
def gated_server(*, max_queue: int = 8, batch_size: int = 8) -> Iterator[Gated]:
    """A server whose every forward waits at a gate, which is shut."""
    checkpoint = open_checkpoint("embedded")
    backend = GatedBackend(checkpoint.config, range(300, 900))
    engine = SmolVLM(checkpoint, backend, max_queue=max_queue, batch_size=batch_size)
    try:
        with served_here(engine) as url:
            yield Gated(url, backend, engine)
    finally:
        backend.open()
        engine.close()
