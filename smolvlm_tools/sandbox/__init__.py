"""Work on what strangers send, in child processes, so that hostile input harms nobody else.

    limits    how much time and memory one call may take
    messages  what goes through the pipes: a header in JSON, and bytes
    segments  memory that a child fills and its parent reads, instead of bytes through a pipe
    coding    errors as messages
    held      what a child has been handed, and is handed again after a kill
    services  what a child can do: modules of higher rooms, by name
    start     starts the child: the same interpreter and packages, nothing else
    watch     ends a child at its limits of time and memory, or when nobody waits for it any more
    process   one child as its parent sees it
    forks     what a fork must not take along
    worker    Worker: one child at a time, replaced when a limit ends it
    pool      Pool: several workers, shared by threads; the one of the whole process
    child     what runs in the child

The parent reads files and fetches URLs; the child is sent bytes, and opens nothing itself but its
libraries and the fonts of the system, which PDFium looks for. Where a limit is enforced:

    wall time, resident memory           by the parent, which kills the child; on every system
    memory asked for, processor time,    by the kernel, through setrlimit: Linux; macOS enforces
    descriptors, file size, core dumps   all but memory; Windows has none of them

A call that takes long is slow, not only once it is too long: its child then stands back
further and no longer counts as one of the pool's, so that it takes little from the others.
"""

from __future__ import annotations

from .held import Held, Request
from .limits import WorkerLimits
from .pool import SHARED, Pool
from .worker import Worker

__all__ = ["SHARED", "Held", "Pool", "Request", "Worker", "WorkerLimits"]
