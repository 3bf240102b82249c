"""Images that take long, so that a request about them can be given up meanwhile."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from PIL import Image

from smolvlm_tools.machine.closing import Closing

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000000\r\n\r\n"


def slow_page(fills: int = 1_000) -> bytes:
    """A PDF file whose page takes time by the square of `fills`: each is blended with the others.

    It has no table of objects; PDFium then looks for them.
    """
    drawing = b"/G gs " + b"0 0 612 792 re f " * fills
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 3 0 R"
        b"/Resources<</ExtGState<</G<</BM/Luminosity/ca .5>>>>>>>>",
    ]
    parts = [b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, 1)]
    return b"%PDF-1.4\n" + b"".join(parts) + b"trailer<</Size 5/Root 1 0 R>>\n%%EOF\n"


def write_sources(folder: Path, good: Path) -> dict[str, str]:
    """Files for the stages of a request, by the kind of source: good, document, picture."""
    document, picture, copy = folder / "slow.pdf", folder / "large.png", folder / "good.png"
    document.write_bytes(slow_page())
    Image.linear_gradient("L").resize((3000, 3000)).convert("RGB").save(picture)
    copy.write_bytes(good.read_bytes())
    return {"good": str(copy), "document": str(document), "picture": str(picture)}


class StallingServer(Closing):
    """An HTTP server on loopback that begins to answer, or not even that, and never ends.

    Attributes:
        asked: connections that it has now.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.asked = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="stalling", daemon=True).start()

    def url(self, answers: bool) -> str:
        """An address that is silent, or one that sends the headers of an image."""
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}/{'begins' if answers else 'silent'}.png"

    def close(self) -> None:
        with suppress(OSError):  # it is not connected; but this ends `accept`
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._stall, args=(connection,), daemon=True).start()

    def _stall(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if b"begins" in connection.recv(65536):
                connection.sendall(_ANSWER)
            with self._lock:
                self.asked += 1
            try:
                while connection.recv(65536):
                    pass
            finally:
                with self._lock:
                    self.asked -= 1
