"""Keeps the pauses of Python's garbage collector short.

A full collection looks at every object of the process, and every thread waits for it: some 100 ms
with a model loaded, which took two fifths of a busy server's event loop. What is there once the
engine is loaded stays to the end, so it is set aside (`gc.freeze`), and a collection looks only at
what came later.
"""

from __future__ import annotations

import gc

from smolvlm_tools.tools import Toolbox

from .observing import CallRecord, Observer

THRESHOLDS = 10_000, 20, 20
"""New objects, and collections of younger ones, before a collection; Python's are 700, 10, 10."""


def set_aside() -> None:
    """Collect what is garbage now, and have later collections pass over the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def after_loading(toolbox: Toolbox) -> Observer:
    """Sets aside once more when the first call that loaded the engine has ended."""
    done = False

    def observe(_record: CallRecord) -> None:
        nonlocal done
        if not done and toolbox.loaded is not None:
            done = True
            set_aside()

    return observe
