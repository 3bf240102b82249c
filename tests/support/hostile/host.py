"""The process that is attacked: a surface that takes one case after the other.

    python -m tests.support.hostile.host SURFACE LOG PORT

Its working directory is the one that may be read. Requests and answers are lines of JSON:
"prepare" (with the file of what is sent), then "go", and "good" for a request that has to work.
Preparing is what a client does, and does not count.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.machine.heap import trim_heap
from smolvlm_tools.tools import agent_policy

from . import services, wire
from .answer import Answer
from .case import Sent
from .services import Go, Order, attempt


def _agent() -> ImagePolicy:
    return agent_policy([Path.cwd()])


def _agent_with_urls() -> ImagePolicy:
    policy = agent_policy([Path.cwd()], allow_urls=True)
    return policy.model_copy(update={"url_timeout": 3.0})


SERVICES: dict[str, Callable[[], Any]] = {
    "python": lambda: services.Python(_agent()),
    "python-trusted": lambda: services.Python(None),
    "python-urls": lambda: services.Python(_agent_with_urls()),
    "python-decode": lambda: services.Decode(_agent()),
    "cli": services.Cli,
    "langchain": services.LangChain,
    "llama-index": services.LlamaIndex,
    "llama-reader": services.LlamaReader,
    "ingest": services.Ingest,
}


def read_order(request: dict[str, Any]) -> Order:
    """What the driver has written down."""
    given = json.loads(Path(request["sent"]).read_text())
    file = request["file"]
    data = Path(file).read_bytes() if file else None
    size = tuple(request["size"]) if request["size"] else None
    return Order(Sent(data=data, **given), file, request["pages"], size)  # type: ignore[arg-type]


def main(surface: str, log: str, port: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints
    wire.install(log, int(port))
    service = SERVICES[surface]()

    def say(told: dict[str, Any]) -> None:
        answers.write(json.dumps(told) + "\n")
        answers.flush()

    go: Go = lambda: Answer("raw", "nothing was prepared")  # noqa: E731
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "prepare":
            try:
                go = service.prepare(read_order(request))
            except Exception as error:  # a framework that refuses is not ours to judge
                say({"refused": repr(error)[:300]})
                continue
            gc.collect()
            trim_heap()
            say({"ready": True})
        elif request["do"] == "go":
            say(attempt(go).to_json())
        else:
            good = attempt(service.prepare(Order(Sent())))
            say(good.to_json())


if __name__ == "__main__":
    main(*sys.argv[1:])
