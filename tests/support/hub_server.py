"""A loopback server that speaks as much of the hub's protocol as downloads need.

    GET  /api/models/{id}                      -> main's commit and files
    GET  /api/models/{id}/revision/{revision}  -> that revision's
    HEAD /{id}/resolve/{commit}/{file}         -> commit, ETag, size
    GET  /{id}/resolve/{commit}/{file}         -> the file

and the same of data sets, below /api/datasets/ and /datasets/.

Files of `LARGE` bytes and more are listed with a SHA-256, like those in LFS on the hub.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 4096


@dataclass
class HubRepository:
    """One repository with one commit.

    Attributes:
        id: "owner/name".
        files: relative name to content.
        revisions: names that resolve to the commit.
        served: contents to send instead of those listed, for corrupted downloads.
        error: `X-Error-Code` and status to answer everything with.
    """

    id: str
    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main", COMMIT)
    served: dict[str, bytes] = field(default_factory=dict[str, bytes])
    error: tuple[int, str] | None = None

    def listing(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "modelId": self.id,
            "sha": COMMIT,
            "private": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [_sibling(name, content) for name, content in self.files.items()],
        }


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git}
    if len(content) >= LARGE:
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
    return entry


class HubServer:
    """The running server.

    Attributes:
        endpoint: what `HF_ENDPOINT` should be.
        requests: "METHOD path" of every request, in order.
    """

    def __init__(self, *repositories: HubRepository) -> None:
        self.repositories = {repository.id: repository for repository in repositories}
        self.requests: list[str] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def downloads(self) -> list[str]:
        """Names of the files whose content was sent, in order."""
        return [
            line.split(f"/resolve/{COMMIT}/")[1]
            for line in self.requests
            if line.startswith("GET ") and "/resolve/" in line
        ]

    @contextmanager
    def running(self) -> Generator[HubServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@contextmanager
def hub_of(
    monkeypatch: pytest.MonkeyPatch, cache: Path, *repositories: HubRepository
) -> Generator[HubServer]:
    """A running server that is the hub of this process, with a cache of its own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with HubServer(*repositories).running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        for listing in ("/api/models/", "/api/datasets/"):
            if path.startswith(listing):
                name, _, revision = path[len(listing) :].partition("/revision/")
                self._answer_listing(name, revision or "main")
                return
        name, _, rest = path.removeprefix("/datasets")[1:].partition("/resolve/")
        revision, _, file = rest.partition("/")
        self._answer_file(name, revision, file)

    def _answer_listing(self, name: str, revision: str) -> None:
        repository = self._find(name, revision)
        if repository is not None:
            body = json.dumps(repository.listing()).encode()
            self._send(200, body, {"Content-Type": "application/json"})

    def _answer_file(self, name: str, revision: str, file: str) -> None:
        repository = self._find(name, revision)
        if repository is None:
            return
        if file not in repository.files:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
            self._send(404, b"", headers)
            return
        listed = repository.files[file]
        entry = _sibling(file, listed)
        etag = entry["lfs"]["sha256"] if "lfs" in entry else entry["blobId"]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
        if "lfs" in entry:
            headers["X-Linked-Etag"] = headers["ETag"]
            headers["X-Linked-Size"] = str(len(listed))
        self._send(200, repository.served.get(file, listed), headers)

    def _find(self, name: str, revision: str) -> HubRepository | None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif repository.error is not None:
            status, code = repository.error
            self._send(status, b"", {"X-Error-Code": code})
        elif revision not in repository.revisions:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        else:
            return repository
        return None

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
