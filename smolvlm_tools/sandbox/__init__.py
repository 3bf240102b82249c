"""Work on what strangers send, in child processes, so that hostile input harms nobody else.

    limits    how much time and memory one call may take
    messages  what goes through the pipes: a header in JSON, and bytes
    segments  memory that a child fills and its parent reads, instead of bytes through a pipe
    coding    errors as messages
    held      what a child has been handed, and is handed again after a kill
    services  what a child can do: modules of higher rooms, by name
    probe     a service that tries what a child must not be able to do
    start     starts the child: the same interpreter and packages, nothing else
    watch     ends a child at its limits of time and memory, or when nobody waits for it any more
    process   one child as its parent sees it
    priority  how far a child stands back behind other processes
    forks     what a fork must not take along
    worker    Worker: one child at a time, replaced when a limit ends it
    pool      Pool: several workers, shared by threads; the one of the whole process
    child     what runs in the child
    confinement, landlock, seccomp, system_calls, kernel   what the child gives up
    posture   what holds on this machine, found by having a child try

The parent reads files and fetches URLs; the child is sent bytes, and opens nothing itself once its
libraries are loaded but the fonts of the system, which PDFium looks for. Who enforces that:

    wall time, resident memory           the parent, which kills the child; on every system
    memory asked for, processor time,    the kernel, through setrlimit: Linux; macOS enforces
    descriptors, file size, core dumps   all but memory; Windows has none of them
    files, network, programs,            the kernel, through Landlock (files) and seccomp (the
    other processes                      rest), on Linux where they are not switched off

A call that takes long is slow, not only once it is too long: its child then stands back
further and no longer counts as one of the pool's, so that it takes little from the others.
"""

from __future__ import annotations

from .held import Held, Request
from .limits import WorkerLimits
from .pool import SHARED, Pool
from .posture import Posture, find_posture
from .worker import Worker

__all__ = [
    "SHARED",
    "Held",
    "Pool",
    "Posture",
    "Request",
    "Worker",
    "WorkerLimits",
    "find_posture",
]
