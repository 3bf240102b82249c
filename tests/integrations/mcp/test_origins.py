"""Host and Origin headers are read whole; whatever is not exactly allowed is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smolvlm_mcp.origins import ANY, Allowed, parse_host, parse_origin

from tests.support.mcp_servers import PATIENCE, on_http

GOOD_HOSTS = {
    "localhost": ("localhost", None),
    "LOCALHOST:80": ("localhost", 80),
    "127.0.0.1:65535": ("127.0.0.1", 65535),
    "[::1]:80": ("[::1]", 80),
    "[0:0:0:0:0:0:0:1]": ("[::1]", None),
    "a-b_c.example:1": ("a-b_c.example", 1),
}
BAD_HOSTS = [
    *(
        "",
        ":80",
        "localhost:",
        "localhost:x",
        "localhost:65536",
        "localhost:-1",
        "localhost:080000",
    ),
    *(
        "127.0.0.1:80@evil.example",
        "evil.example@localhost",
        "user:pw@localhost",
        "localhost:80:80",
    ),
    *("localhost/", "localhost/x", "localhost?x", "localhost#x", "localhost\\", "http://localhost"),
    *(
        " localhost",
        "localhost ",
        "local host",
        "localhost\t",
        "localhost,evil.example",
        "localhost;",
    ),
    *("::1", "[::1", "::1]", "[::1]x", "[::1%25lo]:80", "[1.2.3.4]", "[]", "[g::1]"),
    *("localhost.", ".localhost", "a..b", "-a", "a-", "löcalhost", "localhost:*", "*", "[::1]:*"),
    *("localhost:８０", "localhost:+80", "localhost:8_0", "localhoſt", "ⓛocalhost", "a" * 254),
]
BAD_ORIGINS = [
    *("null", "", "localhost", "//localhost", "http:/localhost", "http:localhost", "http://"),
    *(
        "http://localhost:3000@evil.example",
        "http://evil.example@localhost",
        "http://u:p@localhost",
    ),
    *("http://localhost/", "http://localhost/x", "http://localhost#x", "http://localhost:3000/"),
    *("http://localhost http://evil.example", "http://localhost, http://evil.example"),
    *("javascript://localhost\\x", "http://localhost:", "http ://localhost", "http://localhost:*"),
]


@pytest.mark.parametrize("text", GOOD_HOSTS)
def test_a_host_is_a_name_and_perhaps_a_port(text):
    assert parse_host(text) == GOOD_HOSTS[text]
    assert parse_origin(f"https://{text}") == ("https", GOOD_HOSTS[text])


@pytest.mark.parametrize("text", BAD_HOSTS)
def test_whatever_else_it_is_is_no_host(text):
    assert parse_host(text) is None
    assert Allowed.of(["localhost:*", "127.0.0.1:*", "[::1]:*"], []).refuses_host([text])


@pytest.mark.parametrize("text", BAD_ORIGINS)
def test_whatever_is_no_origin_is_foreign(text):
    assert parse_origin(text) is None
    assert Allowed.of([], ["http://localhost:*"]).refuses_origin([text])


def test_a_port_is_compared_exactly_unless_any_is_allowed():
    allowed = Allowed.of(["a.lan", "b.lan:80", "c.lan:*"], ["https://a.lan", "http://c.lan:*"])
    assert allowed.hosts == {("a.lan", None), ("b.lan", 80), ("c.lan", ANY)}
    for host in ("a.lan", "b.lan:80", "c.lan", "c.lan:1"):
        assert not allowed.refuses_host([host]), host
    for host in ("a.lan:80", "b.lan", "b.lan:8", "b.lan:800", "d.lan", "c.lan.evil.example"):
        assert allowed.refuses_host([host]), host
    for origin in ("https://a.lan", "http://c.lan", "http://c.lan:8080"):
        assert not allowed.refuses_origin([origin]), origin
    for origin in ("http://a.lan", "https://a.lan:443", "https://c.lan", "https://c.lan:8080"):
        assert allowed.refuses_origin([origin]), origin


def test_a_second_header_is_refused_and_a_missing_host_too():
    allowed = Allowed.of(["localhost:*"], ["http://localhost:*"])
    assert allowed.refuses_host([]) and allowed.refuses_host(["localhost", "localhost"])
    assert not allowed.refuses_origin([])
    assert allowed.refuses_origin(["http://localhost", "http://localhost"])
    assert allowed.refuses_origin(["http://localhost", "http://evil.example"])


@given(st.text(alphabet="localhost127.0[]:@/\\#?%ev *", max_size=30))
def test_what_is_served_is_a_name_of_the_list_and_perhaps_a_port(text):
    if not Allowed.of(["localhost:*", "127.0.0.1:*", "[::1]:*"], []).refuses_host([text]):
        name, _, port = text.lower().rpartition(":") if not text.endswith("]") else (text, "", "")
        name, port = (name, port) if name else (port, "")
        assert name in ("localhost", "127.0.0.1") or name.startswith("[")
        assert port == "" or (port.isdecimal() and int(port) <= 65535)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_http("--model", "embedded") as address:
        yield address


def status(url: str, *headers: str) -> int:
    address = httpx2.URL(url)
    lines = [
        "POST /mcp HTTP/1.1",
        "Content-Length: 0",
        "Content-Type: application/json",
        "Connection: close",
        *headers,
        "",
        "",
    ]
    with socket.create_connection((address.host, address.port), PATIENCE) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(12)[9:12])


@pytest.mark.parametrize(
    "host", ["127.0.0.1:80@evil.example", "localhost:", "localhost:80/", "a b"]
)
def test_a_server_refuses_a_host_that_only_begins_well(url, host):
    assert status(url, f"Host: {host}") in (400, 421)  # 400: not even HTTP allows it
    assert status(url, "Host: localhost", "Host: localhost") in (400, 421)
    assert status(url, "Host: 127.0.0.1:80") == 406  # it is served: that Accept is missing


@pytest.mark.parametrize(
    "origins",
    [
        ["http://localhost:3000@evil.example"],
        ["http://localhost:3000", "http://evil.example"],
        ["http://evil.example", "http://localhost:3000"],
        ["http://localhost:3000", "http://localhost:3000"],
        ["null"],
    ],
)
def test_a_server_forbids_origins_that_only_begin_well(url, origins):
    assert status(url, "Host: localhost", *(f"Origin: {origin}" for origin in origins)) == 403
    assert status(url, "Host: localhost", "Origin: http://localhost:3000") == 406
