"""Listeners on loopback that count what reaches them."""

from __future__ import annotations

import contextlib
import socket
import threading


class Trap:
    """Listens where a forbidden URL would lead: on port 80 of loopback, where that is allowed.

    Attributes:
        port: that was got.
        caught: the first bytes of each connection.
    """

    def __init__(self) -> None:
        self.caught: list[bytes] = []
        self._servers: list[socket.socket] = []
        self.port = self._listen("127.0.0.1", socket.AF_INET)
        with contextlib.suppress(OSError):
            self._listen("::1", socket.AF_INET6)

    def _listen(self, host: str, family: socket.AddressFamily) -> int:
        try:
            server = socket.create_server((host, 80), family=family)
        except OSError:  # only root may, or somebody is there
            server = socket.create_server((host, 0), family=family)
        self._servers.append(server)
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return server.getsockname()[1]

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                with contextlib.suppress(OSError):
                    self.caught.append(connection.recv(100))

    def close(self) -> None:
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
