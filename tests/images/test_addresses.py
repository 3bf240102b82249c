"""URLs given by agents: only the public web is reached, whatever notation or detour is used.

The wire is replaced below `fetch`: a connection to any address is noted, and one to a public
address ends at the test's own site, so a refused URL is one that left no note.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

import httpcore2
import pytest
from PIL import Image

from smolvlm_tools import FetchFailed, FetchTimeout, InputError, PathNotAllowed, UrlNotAllowed
from smolvlm_tools.images import ImagePolicy, load_image
from smolvlm_tools.images.addresses import is_public
from tests.support.refused_urls import REFUSED

_stream = io.BytesIO()
Image.linear_gradient("L").save(_stream, "PNG")
PNG = _stream.getvalue()
FOR_AGENTS = ImagePolicy(public_addresses_only=True)
PUBLIC = "93.184.215.14"

pytestmark = pytest.mark.timeout(30)


class _Site(BaseHTTPRequestHandler):
    """Sends a picture, or redirects to what follows `?`."""

    def do_GET(self) -> None:
        target = unquote(self.path.partition("?")[2], "latin-1")
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.end_headers()
        self.wfile.write(b"" if target else PNG)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class _Wire:
    """Connections asked for, names looked up, and what the names lead to."""

    connected: list[tuple[str, int]] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    names: dict[str, Callable[[], list[str]]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a site on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def wire(site: int, monkeypatch: pytest.MonkeyPatch) -> _Wire:
    wire = _Wire()
    real_connect, real_lookup = httpcore2.SyncBackend.connect_tcp, socket.getaddrinfo

    def connect_tcp(self: Any, host: str, port: int, *rest: Any) -> httpcore2.NetworkStream:
        wire.connected.append((host, port))
        assert ip_address(host), "a name here would be looked up a second time"
        if host in wire.dead:
            raise httpcore2.ConnectError("no route")
        return real_connect(self, "127.0.0.1", site, *rest)

    def getaddrinfo(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host in wire.names:
            wire.lookups.append(host)
        addresses = wire.names[host]() if host in wire.names else [host]
        more["flags"] = socket.AI_NUMERICHOST  # no other name is looked up
        return [entry for each in addresses for entry in real_lookup(each, port, *rest, **more)]

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect_tcp)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return wire


@pytest.mark.parametrize("url", REFUSED)
def test_nothing_is_sent_to_what_is_not_the_public_web(wire: _Wire, url: str) -> None:
    no_files = FOR_AGENTS.model_copy(update={"allowed_roots": ()})
    # FetchFailed: this system's resolver does not read such a numeral, so it is no host.
    with pytest.raises((UrlNotAllowed, FetchFailed, PathNotAllowed)) as caught:
        load_image(url, no_files)
    assert wire.connected == []
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://2130706433/", "http://0x7f.1/", "http://127.1/"])
def test_odd_numerals_are_refused_for_where_they_lead(wire: _Wire, url: str) -> None:
    with pytest.raises(UrlNotAllowed, match="not on the public internet"):
        load_image(url, FOR_AGENTS)


@pytest.mark.parametrize("url", REFUSED)
def test_nothing_is_sent_to_it_after_a_redirect_either(wire: _Wire, url: str) -> None:
    with pytest.raises((UrlNotAllowed, FetchFailed)):
        load_image(f"http://{PUBLIC}/to?{url}", FOR_AGENTS)
    assert wire.connected == [(PUBLIC, 80)]


def test_a_public_url_is_fetched_from_the_checked_address(wire: _Wire) -> None:
    wire.names["pictures.test"] = lambda: [PUBLIC]
    assert load_image("http://pictures.test/a.png", FOR_AGENTS).size == (256, 256)
    assert wire.connected == [(PUBLIC, 80)]
    assert wire.lookups == ["pictures.test"]


def test_a_public_ipv6_address_is_fetched(wire: _Wire) -> None:
    assert load_image("http://[2606:4700::1111]/a.png", FOR_AGENTS).size == (256, 256)
    assert wire.connected == [("2606:4700::1111", 80)]


def test_a_resolver_that_changes_its_answer_is_asked_once(wire: _Wire) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    wire.names["flip.test"] = lambda: next(answers)
    load_image("http://flip.test/a.png", FOR_AGENTS)
    assert wire.connected == [(PUBLIC, 80)]
    with pytest.raises(UrlNotAllowed):
        load_image("http://flip.test/a.png", FOR_AGENTS)
    assert wire.connected == [(PUBLIC, 80)]


def test_a_redirect_to_the_same_name_is_checked_again(wire: _Wire) -> None:
    answers = iter([[PUBLIC], ["10.0.0.1"]])
    wire.names["flip.test"] = lambda: next(answers)
    with pytest.raises(UrlNotAllowed):
        load_image("http://flip.test/to?http://flip.test/a.png", FOR_AGENTS)
    assert wire.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize("private", ["127.0.0.1", "::1", "169.254.169.254", "64:ff9b::a00:1"])
@pytest.mark.parametrize("order", [1, -1])
def test_one_private_address_among_public_ones_refuses_the_host(
    wire: _Wire, private: str, order: int
) -> None:
    wire.names["mixed.test"] = lambda: [PUBLIC, private][::order]
    with pytest.raises(UrlNotAllowed, match=r"'mixed\.test', which is not on the public internet"):
        load_image("http://mixed.test/a.png", FOR_AGENTS)
    assert wire.connected == []


def test_the_refusal_does_not_tell_the_address(wire: _Wire) -> None:
    wire.names["intranet.test"] = lambda: ["10.11.12.13"]
    with pytest.raises(UrlNotAllowed) as caught:
        load_image("http://intranet.test/", FOR_AGENTS)
    assert "10.11.12.13" not in str(caught.value)


def test_the_next_checked_address_is_tried_when_one_does_not_answer(wire: _Wire) -> None:
    wire.names["two.test"] = lambda: ["2606:4700::1111", PUBLIC]
    wire.dead = {"2606:4700::1111"}
    load_image("http://two.test/a.png", FOR_AGENTS)
    assert wire.connected == [("2606:4700::1111", 80), (PUBLIC, 80)]
    wire.dead.add(PUBLIC)
    with pytest.raises(FetchFailed, match="no route"):
        load_image("http://two.test/a.png", FOR_AGENTS)


def test_a_resolver_that_hangs_meets_the_deadline(wire: _Wire) -> None:
    answered = threading.Event()

    def hang() -> list[str]:
        answered.wait(20)
        return [PUBLIC]

    wire.names["slow.test"] = hang
    try:
        with pytest.raises(FetchTimeout, match=r"longer than 0\.2 s"):
            load_image("http://slow.test/a.png", FOR_AGENTS.model_copy(update={"url_timeout": 0.2}))
    finally:
        answered.set()
    assert wire.connected == []


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "-", "exa%20mple"])
def test_what_is_no_host_name_fails_as_a_typed_error(wire: _Wire, host: str) -> None:
    with pytest.raises(InputError):
        load_image(f"http://{host}/a.png", FOR_AGENTS)
    assert wire.connected == []


def test_the_users_own_calls_reach_private_addresses_and_any_port(wire: _Wire) -> None:
    wire.names["nas.test"] = lambda: ["192.168.1.4"]
    assert load_image("http://nas.test:8080/a.png").size == (256, 256)
    assert wire.connected == [("192.168.1.4", 8080)]


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2a00::1"])
def test_public_neighbours_of_the_refused_ranges_are_public(address: str) -> None:
    assert is_public(ip_address(address))
