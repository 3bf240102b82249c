"""Documents read in a child process, so that a hostile or broken one harms nobody else.

    limits    how much time and memory a document may take
    messages  what goes through the pipes: a header in JSON, and bytes
    calls     what can be asked about a page, and the answers as messages
    coding    policies and errors as messages
    document  a document that can be opened on any worker, and again after a kill
    start     starts the child: the same interpreter and packages, nothing else
    watch     ends a child at its limits of time and memory
    process   one child as its parent sees it
    forks     what a fork must not take along
    worker    DocumentWorker: one child at a time, replaced when a limit ends it
    pool      WorkerPool: several workers, shared by threads; the one of the whole process
    child     what runs in the child

The parent reads files and fetches URLs; the child is sent bytes, and opens nothing itself but its
libraries and the fonts of the system, which PDFium looks for. Where a limit is enforced:

    wall time, resident memory           by the parent, which kills the child; on every system
    memory asked for, processor time,    by the kernel, through setrlimit: Linux; macOS enforces
    descriptors, file size, core dumps   all but memory; Windows has none of them
"""

from __future__ import annotations

from .limits import WorkerLimits
from .pool import WorkerPool
from .worker import DocumentWorker

__all__ = ["DocumentWorker", "WorkerLimits", "WorkerPool"]
