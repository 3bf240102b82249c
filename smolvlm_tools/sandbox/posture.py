"""What holds for the children on this machine, found by having one try."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from .held import Held, Request, unpack
from .messages import Message
from .pool import SHARED, Pool
from .services import PROBE

Guard: TypeAlias = Literal["kernel", "parent", "no"]
"""Who holds a child to something: the kernel, the parent by killing it, or nobody."""

_CALLED = {
    "memory": "memory",
    "cpu": "processor time",
    "wall": "time",
    "files": "files to read",
    "writes": "files to write",
    "network": "network",
    "programs": "programs",
    "core_dumps": "core dumps",
}

_SAID = {
    "kernel": "limited by the kernel",
    "parent": "limited by this process",
    "no": "NOT limited",
}


@dataclass(frozen=True, slots=True)
class Posture:
    """Who holds the processes that read images and documents to what.

    Attributes:
        memory, cpu, wall: to how much of it one call may take.
        files: to reading none but the fonts of the system.
        writes: to writing none.
        network: to reaching nobody.
        programs: to starting no program and no process.
        core_dumps: to leaving none behind.
        landlock: version of the kernel's Landlock that is used; 0 without.
        seccomp: whether their system calls are filtered.
        missing: why the kernel does not hold them to more; "" if it does.
    """

    memory: Guard
    cpu: Guard
    wall: Guard
    files: Guard
    writes: Guard
    network: Guard
    programs: Guard
    core_dumps: Guard
    landlock: int
    seccomp: bool
    missing: str

    def __str__(self) -> str:
        """One line."""
        said, parts = asdict(self), list[str]()
        for guard, how in _SAID.items():
            if words := [word for name, word in _CALLED.items() if said[name] == guard]:
                parts.append(f"{how}: {', '.join(words)}")
        return "; ".join(parts) + (f" ({self.missing})" if self.missing else "")


def find_posture(pool: Pool = SHARED) -> Posture:
    """Have a child of a pool try what it must not be able to do.

    Raises:
        BackendUnavailable: no child starts.
        DocumentTooCostly: it does not answer.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        facts = {"memory_bytes": pool.limits.memory_bytes, "port": listener.getsockname()[1]}
        return unpack(_posture, pool.ask(Held(PROBE, "a probe", facts, b""), Request()))


def _posture(answer: Message) -> Posture:
    could, confined = answer[0], answer[0]["confined"]

    def guard(what: str, otherwise: Guard = "no") -> Guard:
        return otherwise if could[what] else "kernel"

    return Posture(
        memory=guard("memory", "parent"),
        cpu=guard("cpu", "parent"),  # it ends a call that takes long
        wall="parent",
        files=guard("files"),
        writes=guard("writes"),
        network=guard("network"),
        programs=guard("programs"),
        core_dumps=guard("core_dumps"),
        landlock=confined["landlock"],
        seccomp=confined["seccomp"],
        missing=confined["missing"],
    )
