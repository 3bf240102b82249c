"""A server on loopback that counts who comes, where nobody should."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.paths import SHAPES


@dataclass
class Site:
    """A site that answers every GET with an image.

    Attributes:
        url: of the image.
        connections: addresses of those who have connected.
    """

    url: str = ""
    connections: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Site]:
    """Serve until the block ends."""
    site, image = Site(), SHAPES.read_bytes()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self):
            found = super().get_request()
            site.connections.append(found[1])
            return found

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(image)))
            self.end_headers()
            self.wfile.write(image)

        def log_message(self, *arguments):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}/shapes.png"
        yield site
        server.shutdown()
        thread.join()
