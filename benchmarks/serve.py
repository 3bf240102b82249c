"""What HTTP adds to the time until the first token.

    python -m benchmarks.serve                    # the embedded model, 60 images
    python -m benchmarks.serve --model FOLDER --rounds 5

The same questions about images that neither side has seen go to an engine in this process
(`SmolVLM.stream`) and, streamed, to `smolvlm serve` in a process of its own, in turns. Both read
the image from a data URI under the policy "public", that is in a child process, and both are idle
in between. Medians, and the median of the differences within a round.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from argparse import Namespace

import httpx2

from benchmarks.command import Command, notice
from benchmarks.machine import machine_facts
from benchmarks.soaking.hostile import data_uri
from benchmarks.soaking.mix import picture
from benchmarks.soaking.over_http import NO_TLS
from benchmarks.soaking.surface import ServerProcess
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM

QUESTION = "What color is the circle?"
WARM_UP = 5
"""Rounds whose times are not kept: child processes and caches come to be in them."""


def core_seconds(vlm: SmolVLM, image: str) -> float:
    """Until the first token of the engine in this process."""
    parts = [{"type": "image", "image": image}, {"type": "text", "text": QUESTION}]
    began = time.perf_counter()
    options = {"policy": "public", "max_new_tokens": 8}
    with vlm.stream([{"role": "user", "content": parts}], **options) as reply:
        next(reply)
        return time.perf_counter() - began


def http_seconds(client: httpx2.Client, url: str, image: str) -> float:
    """Until the first token of the server, as an event."""
    parts = [
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "text", "text": QUESTION},
    ]
    messages = [{"role": "user", "content": parts}]
    body = {"messages": messages, "stream": True, "max_tokens": 8}
    began = time.perf_counter()
    with client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"]:
                return time.perf_counter() - began
    raise RuntimeError("the stream ended without a token")


def _run(options: Namespace) -> int:
    server = ServerProcess(
        "--port", "0", model=options.model, module="smolvlm_serve", says=" on http"
    )
    rounds: list[tuple[float, float]] = []
    try:
        url = server.address()
        with (
            SmolVLM.load(options.model) as vlm,
            httpx2.Client(timeout=600, verify=NO_TLS, trust_env=False) as client,
        ):
            for number in range(options.rounds + WARM_UP):
                image = data_uri(picture(7_000_000 + number))
                pair = core_seconds(vlm, image), http_seconds(client, url, image)
                if number >= WARM_UP:
                    rounds.append(pair)
                notice(f"round {number + 1} of {options.rounds + WARM_UP}")
    finally:
        server.end()
    core, http = ([pair[side] * 1e3 for pair in rounds] for side in (0, 1))
    differences = [after - before for before, after in zip(core, http, strict=True)]
    rows = [
        [name, f"{statistics.median(values):.1f}", f"{min(values):.1f}–{max(values):.1f}"]
        for name, values in (("core", core), ("HTTP", http), ("difference", differences))
    ]
    print(f"{machine_facts()['cpu']}; {options.model}; {len(rounds)} images")
    print(markdown_table(["first token, ms", "median", "from – to"], rows, left=1))
    return 0


main = Command("serve", __doc__, _run)
main.add_argument("--model", default="embedded", help="alias, hub id or folder")
main.add_argument("--rounds", type=int, default=60, help="images that are timed")

if __name__ == "__main__":
    sys.exit(main())
