"""What a service under attack may reach: our own site in place of the public internet, and nothing.

`install` runs inside the service's process. A connection to `PUBLIC` ends at the site; any other is
written to a file and refused, so the file is empty as long as nothing was sent where it may not.
Names lead where `NAMES` says; no others exist.

    python -m tests.support.hostile.wire LOG PORT MODULE ARGUMENTS    # runs a module on this wire
"""

from __future__ import annotations

import itertools
import os
import runpy
import socket
import sys
import threading
from typing import Any

PUBLIC = "93.184.215.14"
NAMES = {
    "public.test": [[PUBLIC]],
    "private.test": [["10.0.0.1"]],
    "mixed.test": [[PUBLIC, "127.0.0.1"]],
    "flip.test": [[PUBLIC], ["127.0.0.1"]],
    "localhost": [["127.0.0.1"]],
}
"""What the resolver says, one answer after the other."""


def install(log: str, port: int) -> None:
    """Guard this process for good."""
    import httpcore2

    real_connect, real_lookup = httpcore2.SyncBackend.connect_tcp, socket.getaddrinfo
    answers = {name: itertools.cycle(each) for name, each in NAMES.items()}
    ours = threading.local()

    def connect_tcp(self: Any, host: str, to: int, *rest: Any) -> Any:
        if host != PUBLIC:
            return real_connect(self, host, to, *rest)
        ours.now = True
        try:
            return real_connect(self, "127.0.0.1", port, *rest)
        finally:
            ours.now = False

    def getaddrinfo(host: Any, to: Any, *rest: Any, **more: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        found = next(answers[name]) if name in answers else [host]
        if len(rest) > 3:  # flags by their place
            rest = (*rest[:3], rest[3] | socket.AI_NUMERICHOST)
        else:
            more["flags"] = more.get("flags", 0) | socket.AI_NUMERICHOST
        return [entry for each in found for entry in real_lookup(each, to, *rest, **more)]

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "socket.connect" or getattr(ours, "now", False):
            return
        if arguments[0].family not in (socket.AF_INET, socket.AF_INET6):
            return
        with open(log, "a") as file:
            file.write(f"{arguments[1]!r}\n")
        raise ConnectionRefusedError(111, "the wire lets nobody out")

    httpcore2.SyncBackend.connect_tcp = connect_tcp  # type: ignore[method-assign]
    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]
    sys.addaudithook(guard)


def main(log: str, port: str, module: str, *arguments: str) -> None:
    install(log, int(port))
    sys.argv = [module, *arguments]
    # The service must not pass for this package's own process where it looks at its main module.
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    os.environ.pop("HTTP_PROXY", None)
    main(*sys.argv[1:])
