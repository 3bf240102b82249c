"""A fetch that nobody wants any more ends in whatever it waits for, long before its deadline."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpcore2
import pytest

from smolvlm_tools import Cancelled
from smolvlm_tools.images import ImagePolicy, fetch, load_image
from smolvlm_tools.machine.stopping import stoppable_by
from smolvlm_tools.machine.threads import check_of
from tests.support.workers import wait_until

LATE = ImagePolicy(url_timeout=60)
SOON = 20
"""Seconds: far less than the deadline, far more than it takes."""


class Silent:
    """A listener that takes connections and answers nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def url(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/x.png"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.taken:
            connection.close()

    def _take(self) -> None:
        try:
            while True:
                self.taken.append(self._listener.accept()[0])
        except OSError:  # it was closed
            pass


@pytest.fixture
def silent() -> Iterator[Silent]:
    listener = Silent()
    yield listener
    listener.close()


def give_up(url: str, waits: Callable[[], bool]) -> None:
    """Fetch a URL on a thread and give that up once it waits."""
    cancel = threading.Event()

    def load() -> None:
        with stoppable_by(check_of(cancel)):
            load_image(url, LATE)

    with ThreadPoolExecutor(1) as thread:
        loading = thread.submit(load)
        wait_until(waits)
        cancel.set()
        with pytest.raises(Cancelled):
            loading.result(SOON)


def has_network_thread() -> bool:
    return any(thread.name == "smolvlm-network" for thread in threading.enumerate())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_says_nothing(silent: Silent, scheme: str) -> None:
    """Over https the handshake waits, on a thread that ends too."""
    give_up(silent.url(scheme), lambda: bool(silent.taken))
    wait_until(lambda: not has_network_thread(), SOON)


def test_a_server_that_says_too_little(silent: Silent) -> None:
    def begun() -> bool:
        if silent.taken:
            silent.taken[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        return bool(silent.taken)

    give_up(silent.url("http"), begun)


def test_a_resolver_that_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go = threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> list[object]:
        asked.set()
        assert go.wait(60)
        return []

    monkeypatch.setattr(fetch, "resolve", resolve)
    give_up("http://example.org/x.png", asked.is_set)
    go.set()
    wait_until(lambda: not has_network_thread())


def test_a_connection_that_comes_too_late_is_closed(
    silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go = threading.Event(), threading.Event()
    connect, made = httpcore2.SyncBackend.connect_tcp, []

    def late(*given: object, **more: object) -> object:
        asked.set()
        assert go.wait(60)
        made.append(connect(*given, **more))
        return made[0]

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", late)
    give_up(silent.url("http"), asked.is_set)
    go.set()
    wait_until(lambda: bool(made) and made[0].get_extra_info("socket").fileno() < 0)
