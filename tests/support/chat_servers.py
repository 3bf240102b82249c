"""A scripted server with OpenAI's chat completions API on loopback, faults included.

A script is a list of functions that each answer one request; the last one answers all further ones.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from smolvlm_tools import SmolVLM


class Answering(BaseHTTPRequestHandler):
    """One request; `body` is its JSON."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server = self.server.chat
        with server.lock:
            server.requests.append(self)
            script = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        try:
            script(self)
        except (BrokenPipeError, ConnectionResetError):
            server.hung_up.set()
        self.close_connection = True

    def start(self, status=200, kind="text/event-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def event(self, data):
        text = data if isinstance(data, str) else json.dumps(data)
        self.wfile.write(f"data: {text}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *arguments):
        pass


class ChatServer:
    """What a test sees of the server: its address, the requests so far, `release` for stalls."""

    def __init__(self, script):
        self.script = list(script)
        self.requests = []
        self.lock = threading.Lock()
        self.release, self.hung_up = threading.Event(), threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.http.daemon_threads = True
        self.http.chat = self
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    @property
    def bodies(self):
        return [request.body for request in self.requests]

    def engine(self, **options) -> SmolVLM:
        return SmolVLM.load("some-model", backend="remote", base_url=self.url, **options)


@contextmanager
def chat_server(*script):
    """Serve a script."""
    server = ChatServer(script)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def delta(text=None, finish=None, tokens=None, **more):
    """An event; `tokens` are (text, logprob, {other text: its logprob})."""
    choice = {"index": 0, "delta": {} if text is None else {"content": text}}
    if finish:
        choice["finish_reason"] = finish
    if tokens is not None:
        choice["logprobs"] = {"content": [_token(*token) for token in tokens]}
    return {"model": "some-model", "choices": [choice], **more}


def _token(text, logprob, others=()):
    tops = [{"token": text, "logprob": logprob, "bytes": None}]
    tops += [{"token": t, "logprob": p, "bytes": list(t.encode())} for t, p in dict(others).items()]
    data = list(text.encode())
    return {"token": text, "logprob": logprob, "bytes": data, "top_logprobs": tops}


USAGE = {"choices": [], "usage": {"prompt_tokens": 70, "completion_tokens": 5}}


def says(*pieces, finish="stop", logprobs=True, before=()):
    """Say pieces as tokens of probability 1/2, or (text, logprob, others)."""

    def answer(request):
        request.start()
        for event in before:
            request.event(event)
        for piece in pieces:
            text, *told = (piece, -0.6931471805599453) if isinstance(piece, str) else piece
            request.event(delta(text, tokens=[(text, *told)] if logprobs else None))
        request.event(delta(finish=finish))
        request.event(USAGE)
        request.event("[DONE]")

    return answer


def refuses(status, message="no", kind="application/json", **headers):
    """Answer with an error."""

    def answer(request):
        request.start(status, kind, **headers)
        request.wfile.write(json.dumps({"error": {"message": message}}).encode())

    return answer


def hangs_up(request):
    """Close the connection without an answer."""
    request.connection.close()


def breaks_off(request):
    """Say a word and close."""
    request.start()
    request.event(delta("The "))


def stalls(request):
    """Say a word and then nothing, until the test is over or the client leaves."""
    request.start()
    request.event(delta("The "))
    while not request.server.chat.release.wait(0.02):
        request.wfile.write(b": still here\n\n")
        request.wfile.flush()


def sends(data, kind="text/event-stream", **headers):
    """Answer with bytes."""

    def answer(request):
        request.start(200, kind, **headers)
        request.wfile.write(data)

    return answer


def floods(request):
    """Send without end."""
    request.start()
    while True:
        request.wfile.write(b"data: " + b"x" * (1 << 20))


def without(*fields):
    """Refuse fields by name, as transformers does, and say yes to the rest."""

    def answer(request):
        given = [field for field in fields if field in request.body]
        if given:
            refuses(422, f"Unexpected fields in the request: {given}")(request)
        else:
            says("yes", logprobs="logprobs" in request.body)(request)

    return answer
