"""Documents whose pages are read in child processes; see `smolvlm_tools.sandbox`.

calls     what can be asked about a page, and the answers as messages
in_child  opens documents and reads their pages, in the child
opening   `Pages` that are read by asking a worker; workers that open documents
"""

from __future__ import annotations

from ...sandbox.limits import WorkerLimits
from .opening import DocumentWorker, WorkerPool, open_with

__all__ = ["DocumentWorker", "WorkerLimits", "WorkerPool", "open_with"]
