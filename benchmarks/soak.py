"""Lets 64 clients loose on a service for minutes, and holds what it becomes against bounds.

    python -m benchmarks.soak --minutes 10                        # the MCP server over HTTP
    python -m benchmarks.soak --minutes 1 --surface mcp-stdio     # or serve, python
    python -m benchmarks.soak --minutes 3 --surface serve --beside python   # one after the other

The clients ask good questions about images, send what must be refused, break requests off and leave
without a word, in shares that --bad and the seed fix. The service answers with the embedded model,
so its speed says little of a real model's. First comes a fifth of the time (at most two minutes) as
a warm-up; memory, descriptors and threads are compared without clients, after it and at the end.

| bound | |
|---|---|
| outcomes of the right type | 99.9 % |
| hung, lost, tracebacks | none |
| growth of the service's own process | 32 MB |
| descriptors, threads, processes below it | as before, but for pools that fill late: 8, 8, 1 |
| time to Busy, p99 | 100 ms |
| p95 of the answers, with --beside | 1.3 times that surface's |

The tables are printed, and kept as JSON. On a machine with other work, seconds mean little: the
load average stands beside them. Ctrl-C ends the run and shows what was measured so far. Exit code
1 says that a bound was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.command import FAILED, Command, notice
from benchmarks.paths import RESULTS
from benchmarks.soaking.report import as_json, tables
from benchmarks.soaking.run import Measured, Plan, soak
from benchmarks.soaking.surface import Surface
from benchmarks.soaking.verdicts import beside, verdicts
from smolvlm_tools.errors import BadOptions

INTERRUPTED = 130


def _http(max_queue: int) -> Surface:
    from benchmarks.soaking.over_http import HttpSurface

    return HttpSurface(max_queue)


def _stdio(max_queue: int) -> Surface:
    from benchmarks.soaking.over_stdio import StdioSurface

    return StdioSurface(max_queue)


def _serve(max_queue: int) -> Surface:
    from benchmarks.soaking.over_serve import ServeSurface

    return ServeSurface(max_queue)


def _python(max_queue: int) -> Surface:
    from benchmarks.soaking.in_python import PythonSurface

    return PythonSurface(max_queue)


SURFACES: dict[str, Callable[[int], Surface]] = {
    "mcp-http": _http,
    "mcp-stdio": _stdio,
    "serve": _serve,
    "python": _python,
}


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that a command line means."""
    if options.minutes <= 0 or options.clients < 1 or not 0 <= options.bad <= 100:
        raise BadOptions(
            f"--minutes {options.minutes} --clients {options.clients} --bad {options.bad}",
            "Give some time, one client or more, and a percentage.",
        )
    seconds = options.minutes * 60
    warm_up = min(120.0, seconds / 5)
    return Plan(seconds, warm_up, options.clients, options.bad, options.max_queue, options.seed)


def _run(options: argparse.Namespace) -> int:
    plan, measured, other = plan_of(options), Measured(), Measured()
    interrupted = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a server is to be ended too
    try:
        asyncio.run(soak(SURFACES[options.surface], plan, measured, notice))
        if options.beside:
            asyncio.run(soak(SURFACES[options.beside], plan, other, notice))
    except KeyboardInterrupt:
        interrupted = True
        notice("interrupted: this is what was measured so far")
    found = list(verdicts(measured))
    if options.beside and not interrupted:
        found.append(beside(measured, other, options.beside))
    report = as_json(plan, options.surface, measured, found)
    path = options.out or RESULTS / f"soak-{options.surface}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1) if options.json else "\n\n".join(tables(measured, found)))
    if interrupted:
        return INTERRUPTED
    return FAILED if any(verdict.kept is False for verdict in found) else 0


main = Command("soak", __doc__, _run)
main.add_argument("--minutes", type=float, default=10.0, help="of traffic after the warm-up")
main.add_argument("--clients", type=int, default=64)
main.add_argument("--bad", type=int, default=20, help="percent of requests that must be refused")
main.add_argument("--surface", choices=tuple(SURFACES), default="mcp-http")
main.add_argument(
    "--beside", choices=tuple(SURFACES), help="hold the answers' p95 against this one's"
)
main.add_argument("--max-queue", type=int, default=32, help="requests that may wait")
main.add_argument("--seed", type=int, default=0)
main.add_argument("--json", action="store_true", help="print the JSON instead of tables")
main.add_argument("--out", type=Path, help="where to keep the JSON (default: benchmarks/.results)")

if __name__ == "__main__":
    sys.exit(main())
