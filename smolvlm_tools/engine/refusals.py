"""Why an engine does not take a request in, in the same words for every kind of engine."""

from __future__ import annotations

from ..errors import Busy, Closed


def closed() -> Closed:
    """The error for a request to an engine after `close`."""
    return Closed("the engine is closed", "Load the model again.")


def without_thread() -> Closed:
    """The error for a request to an engine whose thread was left behind by a fork."""
    return Closed("the engine's thread is gone", "Load the model after a fork.")


def busy(waiting: int, seconds: float) -> Busy:
    """The error for a request that finds the queue full.

    Args:
        waiting: how many requests wait.
        seconds: after which a place may be free.
    """
    seconds = max(seconds, 0.1)
    return Busy(
        f"{waiting} requests are waiting already",
        f"Try again in about {seconds:.1f} s. Or load the model with a larger `max_queue`.",
        retry_after=seconds,
    )
