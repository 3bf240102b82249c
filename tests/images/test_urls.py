"""http(s) sources, against a loopback server with every bad habit."""

from __future__ import annotations

import gzip
import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from smolvlm_tools import (
    FetchFailed,
    FetchTimeout,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
    UrlNotAllowed,
)
from smolvlm_tools.images import ImagePolicy, load_image

_stream = io.BytesIO()
Image.linear_gradient("L").save(_stream, "PNG")
PNG = _stream.getvalue()

pytestmark = pytest.mark.timeout(30)


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page, _, argument = self.path[1:].partition("?")
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        getattr(self, f"_{page}")(argument)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _png(self, _: str) -> None:
        self._send(200, PNG)

    def _chunked(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PNG), PNG))

    def _html(self, _: str) -> None:
        self._send(200, b"<html>sorry</html>")

    def _status(self, status: str) -> None:
        self._send(int(status))

    def _hops(self, left: str) -> None:
        target = f"hops?{int(left) - 1}" if int(left) > 1 else "/png"
        self._send(302, Location=target)

    def _to(self, target: str) -> None:
        self._send(301, Location=target)

    def _endless(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(bytes(65536))
        except OSError:
            pass

    def _declared(self, _: str) -> None:
        self._send(200, Content_Length="999999999")
        self.close_connection = True

    def _short(self, _: str) -> None:
        self._send(200, PNG[:100], Content_Length=str(len(PNG)))
        self.close_connection = True

    def _gzip(self, _: str) -> None:
        self._send(200, gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")

    def _drip(self, part: str) -> None:
        """One byte of the header or body at a time, for ever."""
        self.close_connection = True
        if part == "body":
            self._send(200, Content_Length="1000")
        try:
            if part == "header":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.server.stop.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"a")
        except OSError:
            pass


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.stop = threading.Event()
        super().__init__(("127.0.0.1", 0), _Site)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


@pytest.fixture
def site() -> Iterator[_Server]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("page", ["png", "chunked"])
def test_a_url_gives_the_same_image_as_its_bytes(site: _Server, page: str) -> None:
    fetched = load_image(site.url(page))
    assert fetched.sha256 == load_image(PNG).sha256
    assert fetched.format == "PNG"


def test_five_redirects_are_followed_and_six_are_not(site: _Server) -> None:
    assert load_image(site.url("hops?5")).size == (256, 256)
    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        load_image(site.url("hops?6"))


@pytest.mark.parametrize("status", [204, 403, 404, 500, 304])
def test_an_http_error_is_named(site: _Server, status: int) -> None:
    with pytest.raises(FetchFailed, match=f"status {status}"):
        load_image(site.url(f"status?{status}"))


@pytest.mark.parametrize("page", ["endless", "declared"])
def test_no_more_than_the_byte_cap_is_downloaded(site: _Server, page: str) -> None:
    with pytest.raises(ImageTooLarge, match="the limit is 1,000,000 bytes"):
        load_image(site.url(page), ImagePolicy(max_bytes=1_000_000))


def test_a_broken_off_answer_fails(site: _Server) -> None:
    with pytest.raises(FetchFailed, match="could not be fetched"):
        load_image(site.url("short"))


def test_compressed_content_is_refused_without_unpacking_it(site: _Server) -> None:
    with pytest.raises(FetchFailed, match="compressed"):
        load_image(site.url("gzip"))


@pytest.mark.parametrize("part", ["body", "header"])
def test_a_dripping_server_meets_the_deadline(site: _Server, part: str) -> None:
    with pytest.raises(FetchTimeout, match=r"longer than 0\.4 s"):
        load_image(site.url(f"drip?{part}"), ImagePolicy(url_timeout=0.4))


def test_a_silent_server_meets_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(FetchTimeout):
            load_image(url, ImagePolicy(url_timeout=0.3))


def test_a_server_that_is_not_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(FetchFailed, match="could not be fetched"):
        load_image(f"http://127.0.0.1:{port}/")


def test_a_web_page_is_not_an_image(site: _Server) -> None:
    with pytest.raises(UnsupportedFormat):
        load_image(site.url("html"))


def test_urls_switched_off_are_refused_unfetched(site: _Server) -> None:
    with pytest.raises(UrlNotAllowed, match="switched off"):
        load_image(site.url("png"), ImagePolicy(allow_urls=False))
    assert site.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a.png",
        "gopher://host/a.png",
        "http://user:secret@127.0.0.1/a.png",
        "http://127.0.0.1\\@1.1.1.1/",
        "http://",
        "http://:80/",
        "http://host:99999/",
        "https://[::1/",
    ],
)
def test_urls_that_are_not_plain_http_are_refused(url: str) -> None:
    with pytest.raises(UrlNotAllowed) as caught:
        load_image(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/", "http://a:b@127.0.0.1/"])
def test_a_redirect_obeys_the_same_rules(site: _Server, target: str) -> None:
    with pytest.raises(UrlNotAllowed):
        load_image(site.url(f"to?{target}"))


def test_header_injection_in_a_url_goes_nowhere(site: _Server) -> None:
    with pytest.raises(InputError):
        load_image(site.url("png\r\nX-Evil: 1\r\n\r\n"))


@pytest.mark.parametrize("error", [ValueError("odd"), UnicodeError("odd"), RuntimeError("odd")])
def test_whatever_a_resolver_raises_is_a_typed_error_and_ends_no_thread(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int) -> None:
        raise error

    raised = list[object]()
    monkeypatch.setattr("smolvlm_tools.images.fetch.resolve", resolve)
    monkeypatch.setattr("threading.excepthook", raised.append)
    with pytest.raises(FetchFailed, match=r"'images\.example' could not be resolved \(odd\)"):
        load_image("http://images.example/a.png")
    assert raised == []
