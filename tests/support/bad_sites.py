"""A loopback server with every bad habit."""

from __future__ import annotations

import gzip
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

_stream = io.BytesIO()
Image.linear_gradient("L").save(_stream, "PNG")
PNG = _stream.getvalue()


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page, _, argument = self.path[1:].partition("?")
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        getattr(self, f"_{page}", self._html)(argument)

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


class BadSite(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.stop = threading.Event()
        super().__init__(("127.0.0.1", 0), _Site)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"
