"""llama.cpp as an engine: xllamacpp's server in this process, asked over loopback.

It keeps its defaults except for the number of threads and the size of the context.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.paths import gguf_files, gguf_folder
from benchmarks.speed.calls import Request, Timing, cores
from smolvlm_tools.errors import BackendUnavailable, ModelInvalid, ModelNotFound

PAGE_CONTEXT = 2048  # tokens: a page, its question and a short answer
SLOT_CONTEXT = 512


class LlamaCpp:
    """A server with the Q8_0 files that `benchmarks.checkpoints.gguf` wrote."""

    def __init__(self, folder: Path, *, cache: bool, parallel: int, pages: int) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            raise BackendUnavailable(
                f"xllamacpp is not installed ({error})", "pip install xllamacpp"
            ) from error
        files = gguf_files(folder)
        if missing := files.missing():
            raise ModelNotFound(
                f"{gguf_folder(folder)} has no {missing[0]}",
                "python -m benchmarks.checkpoints.gguf --help says how it is made.",
            )
        self._cache = cache
        params = xllamacpp.CommonParams()
        params.model.path = str(files.text)
        params.mmproj.path = str(files.vision_one_tile if parallel > 1 else files.vision)
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = cores()
        params.n_parallel = parallel
        params.n_ctx = parallel * SLOT_CONTEXT if parallel > 1 else pages * PAGE_CONTEXT
        params.verbosity = 0
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelInvalid(
                f"llama.cpp refused the files in {gguf_folder(folder)} ({error})",
                "Convert them with the converter of the same release.",
            ) from error
        self._address = urlsplit(self._server.listening_address)

    def reply(self, request: Request, new_tokens: int) -> Timing:
        start = time.perf_counter()
        chunks: list[tuple[float, dict[str, Any]]] = []
        for chunk in self._stream(request, new_tokens):
            if "timings" in chunk:
                chunks.append((time.perf_counter() - start, chunk["timings"]))
        first = next(pair for pair in chunks if pair[1]["predicted_n"] >= 1)
        last = chunks[-1][1]
        steps = last["predicted_n"] - first[1]["predicted_n"]
        decode_ms = last["predicted_ms"] - first[1]["predicted_ms"]
        return Timing(
            prompt_tokens=last["cache_n"] + last["prompt_n"],
            tiles=0,
            prepare=None,
            vision=None,
            prefill=last["prompt_ms"] / 1e3 if not request.images else None,
            first_token=first[0],
            step=decode_ms / 1e3 / steps if steps else 0.0,
        )

    def together(self, requests: Sequence[Request], new_tokens: int) -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(len(requests)) as pool:
            list(pool.map(lambda request: self.reply(request, new_tokens), requests))
        return time.perf_counter() - start

    def close(self) -> None:
        self._server = None

    def _stream(self, request: Request, new_tokens: int) -> Iterator[dict[str, Any]]:
        body = {
            "messages": [{"role": "user", "content": _content(request)}],
            "max_tokens": new_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "timings_per_token": True,
            "cache_prompt": self._cache,
        }
        host, port = str(self._address.hostname), self._address.port
        kind = {"Content-Type": "application/json"}
        with closing(http.client.HTTPConnection(host, port)) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), kind)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ModelInvalid(
                    f"llama.cpp answered {answer.status}: {answer.read(200).decode()}",
                    "Convert the files again with python -m benchmarks.checkpoints.gguf.",
                )
            for line in answer:
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])


def _content(request: Request) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for path in request.images:
        kind = "jpeg" if path.suffix == ".jpg" else "png"
        data = base64.b64encode(path.read_bytes()).decode()
        url = f"data:image/{kind};base64,{data}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return [*parts, {"type": "text", "text": request.text}]
