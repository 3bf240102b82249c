"""MCP servers under attack, and clients without the SDK, which send what the SDK would not."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from typing import Any

import httpx2

from tests.support.mcp_servers import ACCEPT, HELLO, READY

from .answer import Answer, works
from .case import Case, Sent
from .paths import GOOD
from .services import TOKENS
from .sessions import Ended, Place, close_process, spawn

_PATIENCE = 120
_GOOD = {"name": "describe_image", "arguments": {"image": GOOD, "max_new_tokens": 1}}


def call_of(case: Case, sent: Sent, image: str) -> dict[str, Any]:
    """Parameters of the call of a tool that a case is."""
    if case.kind == "arguments":
        return {"name": sent.tool, "arguments": sent.arguments}
    pages = {} if case.pages is None else {"pages": case.pages}
    given = {"image": image, "max_new_tokens": TOKENS, **pages}
    if case.kind == "prompt":
        return {"name": "answer_question", "arguments": {**given, "question": sent.question}}
    return {"name": "describe_image", "arguments": given}


def heard(message: dict[str, Any]) -> Answer:
    """What a server's message says."""
    if "error" in message:
        return Answer("rpc", json.dumps(message["error"]))
    result = message.get("result", {})
    texts = [part.get("text", "") for part in result.get("content", [])]
    if not result.get("isError"):
        structured = result.get("structuredContent") or {}
        return works(str(structured.get("text", " ".join(texts))))
    try:
        return Answer(json.loads(texts[-1])["error"]["code"], texts[0])
    except (ValueError, KeyError, IndexError, TypeError):
        return Answer("raw", " ".join(texts)[:1_000])


def request_line(case: Case, sent: Sent, image: str) -> str:
    if sent.line is not None:
        return sent.line
    params = call_of(case, sent, image)
    return json.dumps({"jsonrpc": "2.0", "id": 777, "method": "tools/call", "params": params})


class StdioSession:
    """`smolvlm-mcp` on stdin and stdout; images are named by their paths."""

    def __init__(self, place: Place) -> None:
        server = ("smolvlm_mcp", "--model", "embedded", "--root", str(place.folder))
        self._process = spawn(
            place,
            *("-m", "tests.support.hostile.wire", str(place.log), str(place.port), *server),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._line = b""
        self._ask(json.dumps(HELLO), 1)
        self._write(json.dumps(READY).encode())
        self.good()

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self, case: Case, sent: Sent, file: str | None) -> None:
        image = file or sent.text if file or sent.text is not None else GOOD
        self._line = request_line(case, sent, str(image)).encode("utf-8", "surrogatepass")

    def go(self) -> Answer:
        self._write(self._line)
        return heard(self._read())

    def good(self) -> Answer:
        said = {"jsonrpc": "2.0", "id": 778, "method": "tools/call", "params": _GOOD}
        return self._ask(json.dumps(said), 778)

    def close(self) -> None:
        close_process(self._process)

    def _ask(self, line: str, number: int) -> Answer:
        self._write(line.encode())
        while True:
            message = self._read()
            if message.get("id") == number:
                return heard(message)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Ended(str(error)) from error

    def _read(self) -> dict[str, Any]:
        """The next message that is an answer."""
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise Ended(f"exit code {self._process.wait(10)}")
            message = json.loads(line)
            if isinstance(message, list):
                message = message[0]
            if "id" in message and "method" not in message:
                return message


class HttpSession:
    """`smolvlm-mcp --http`; images are data URIs where they are small enough, else paths."""

    _INLINE = 15_000_000

    def __init__(self, place: Place) -> None:
        flags = ("--http", "127.0.0.1:0", "--allow-urls", "--root", str(place.folder))
        self._process = spawn(
            place,
            *("-m", "tests.support.hostile.wire", str(place.log), str(place.port)),
            *("smolvlm_mcp", "--model", "embedded", *flags),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        while True:
            line = self._process.stderr.readline()
            if not line:
                raise Ended(f"exit code {self._process.wait(10)}")
            if line.startswith("serving MCP on "):
                break
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        self._client = httpx2.Client(timeout=_PATIENCE)
        self._url = line.split()[-1]
        self._headers = dict(ACCEPT)
        self._body = b""
        self._greet()
        self.good()

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self, case: Case, sent: Sent, file: str | None) -> None:
        if sent.data is not None and len(sent.data) < self._INLINE:
            kind = "application/pdf" if sent.suffix == ".pdf" else ""
            image = f"data:{kind};base64,{base64.b64encode(sent.data).decode()}"
        else:
            image = file or sent.text if file or sent.text is not None else GOOD
        self._body = request_line(case, sent, str(image)).encode("utf-8", "surrogatepass")

    def go(self) -> Answer:
        return self._post(self._body)

    def good(self) -> Answer:
        said = {"jsonrpc": "2.0", "id": 778, "method": "tools/call", "params": _GOOD}
        answer = self._post(json.dumps(said).encode())
        if "ession" in answer.text and answer.code == "rpc":  # it ended, as it may: a new one
            self._greet()
            answer = self._post(json.dumps(said).encode())
        return answer

    def close(self) -> None:
        self._client.close()
        close_process(self._process)

    def _greet(self) -> None:
        self._headers = dict(ACCEPT)
        hello = self._client.post(self._url, json=HELLO, headers=self._headers)
        self._headers["MCP-Protocol-Version"] = "2025-11-25"
        if "mcp-session-id" in hello.headers:
            self._headers["Mcp-Session-Id"] = hello.headers["mcp-session-id"]
        self._client.post(self._url, json=READY, headers=self._headers)

    def _post(self, body: bytes) -> Answer:
        try:
            reply = self._client.post(self._url, content=body, headers=self._headers)
        except httpx2.TransportError as error:
            if self._process.poll() is not None:
                raise Ended(f"exit code {self._process.returncode}") from error
            return Answer("raw", f"the connection broke: {error!r}")
        if reply.status_code >= 500:
            return Answer("raw", f"status {reply.status_code}: {reply.text[:500]}")
        for line in reply.text.splitlines():
            text = line.removeprefix("data:").strip()
            if text.startswith("{"):
                message = json.loads(text)
                if "result" in message or "error" in message:
                    return heard(message)
        return Answer("rpc", f"status {reply.status_code}: {reply.text[:500]}")
