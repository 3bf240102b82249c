"""Progress of a call, to the custom stream of the LangGraph graph whose node makes it.

    {"type": "smolvlm_progress", "name": "ChatSmolVLM" or the tool's name,
     "stage": "vision", "done": 2, "total": 5, "page": 1, "pages": 1,
     "message": "looking: 2 of 5 tiles"}

Without LangGraph, or outside of its graphs, nobody is told. It is never imported here: where a
graph runs, it is there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import asdict
from typing import Any

from smolvlm_tools import Progress
from smolvlm_tools.tools import ToolProgress

EVENT = "smolvlm_progress"
Tell = Callable[[ToolProgress], None]


def to_graph(name: str) -> Tell | None:
    """What tells the graph that runs the caller; None where none does.

    Args:
        name: of who is making progress.
    """
    langgraph = sys.modules.get("langgraph.config")
    if langgraph is None:
        return None
    try:
        write = langgraph.get_stream_writer()
    except (RuntimeError, KeyError):  # no runnable calls us, or one outside of graphs
        return None
    context = copy_context()  # the writer looks up there which node it is in

    def tell(news: ToolProgress) -> None:
        event = {"type": EVENT, "name": name, **asdict(news), "message": news.message}
        with suppress(RuntimeError):  # the graph's event loop is closed: nobody is listening
            context.copy().run(write, event)

    return tell


def to_both(tell: Tell, own: Callable[[Progress], Any] | None) -> Callable[[Progress], None]:
    """An engine's `on_progress` that tells the graph and whoever else wants to know."""

    def report(news: Progress) -> None:
        if own is not None:
            own(news)
        tell(ToolProgress.of(news))

    return report
