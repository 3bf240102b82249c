"""Runs the traffic: load the images, warm up, be quiet, soak, be quiet again."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.command import Notice
from benchmarks.soaking.hostile import data_uri
from benchmarks.soaking.mix import Mix, Request, picture
from benchmarks.soaking.outcomes import BUSY, HUNG, OK, Outcome, Tally
from benchmarks.soaking.sampling import Sample, Sampler
from benchmarks.soaking.surface import Client, Surface

IMAGES = 24
"""That all clients ask about; they are loaded before the traffic begins."""
THINKING = 0.1
"""Mean seconds between an answer and the client's next request."""
BEAT = 0.02
SETTLING = 40.0
"""Seconds that a service has to become quiet when its clients have left."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        seconds: of traffic that is measured, after `warm_up` seconds that are not.
        bad: percent of requests that must be refused.
    """

    seconds: float
    warm_up: float
    clients: int
    bad: int
    max_queue: int
    seed: int = 0


@dataclass(slots=True)
class Measured:
    """What a run has found so far.

    Attributes:
        before, after: the service without clients, after the warm-up and at the end.
        samples: while the traffic that is measured ran.
        stages: p50, p95 and p99 in seconds, by the service's own count.
        load: average, at the end.
    """

    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    warm_up: Tally = field(default_factory=Tally)
    before: Sample | None = None
    after: Sample | None = None
    samples: list[Sample] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    load: float | None = None


async def soak(
    start: Callable[[int], Surface], plan: Plan, measured: Measured, notice: Notice
) -> None:
    """Run a plan. `measured` fills as it goes, and holds what is known if it is interrupted."""
    surface = start(plan.max_queue)
    measured.log = surface.log
    sampler = Sampler(surface.pid, surface.waiting)
    try:
        handles = await _load_images(await surface.client(0))
        await _fill_pools(surface, plan.clients, handles)
        notice(f"warming up for {plan.warm_up:.0f} s")
        await _traffic(surface, plan, plan.warm_up, measured.warm_up, handles, seed=plan.seed + 1)
        measured.before = await asyncio.to_thread(sampler.quiet, SETTLING)
        notice(f"{plan.clients} clients for {plan.seconds:.0f} s")
        sampler.samples = measured.samples
        begun = time.monotonic()
        try:
            await _traffic(surface, plan, plan.seconds, measured.tally, handles, seed=plan.seed)
        finally:
            measured.seconds = time.monotonic() - begun
            sampler.samples = []
            measured.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        measured.after = await asyncio.to_thread(sampler.quiet, SETTLING)
        measured.stages = await surface.stages()
    finally:
        sampler.close()
        await surface.close()


async def _load_images(client: Client) -> list[str]:
    """Load the images that everybody asks about, and the model; the handles.

    Raises:
        RuntimeError: the service refuses a good image.
    """
    from hashlib import sha256

    contents = [picture(number) for number in range(IMAGES)]
    calls = [("load_image", data_uri(content)) for content in contents]
    calls.append(("describe_image", data_uri(contents[0])))
    for tool, image in calls:
        request = Request("setup", tool, {"image": image}, frozenset({OK}))
        outcome = await client.call(request)
        if outcome.word != OK:
            raise RuntimeError(f"{tool} does not work: {outcome}")
    await client.close()
    return [f"img:{sha256(content).hexdigest()[:16]}" for content in contents]


async def _fill_pools(surface: Surface, count: int, handles: list[str]) -> None:
    """Everybody asks at once, so that pools have all their threads before anything is compared."""
    clients = [await surface.client(number) for number in range(count)]
    request = Request("setup", "describe_image", {"image": handles[0]}, frozenset({OK, BUSY}))
    for _ in range(3):
        await asyncio.gather(*(client.call(request) for client in clients))
    await asyncio.gather(*(client.close() for client in clients))


async def _traffic(
    surface: Surface, plan: Plan, seconds: float, tally: Tally, handles: list[str], seed: int
) -> None:
    """All clients at once until the time is over; each ends the request that it has begun."""
    clients = [await surface.client(number) for number in range(plan.clients)]
    mixes = [Mix(plan.bad, handles, seed * 1000 + number) for number in range(plan.clients)]
    until = time.monotonic() + seconds

    async def live(client: Client, mix: Mix, chance: random.Random) -> None:
        while time.monotonic() < until:
            request = mix.draw()
            begun = time.perf_counter()
            outcome = await client.call(request)
            tally.add(request.kind, request.expected, outcome, time.perf_counter() - begun)
            await asyncio.sleep(_pause(outcome, chance))

    lives = [
        live(client, mix, random.Random(number))
        for number, (client, mix) in enumerate(zip(clients, mixes, strict=True))
    ]
    beat = asyncio.create_task(_beat(tally))
    try:
        await asyncio.gather(*lives)
    finally:
        beat.cancel()
        await asyncio.gather(*(client.close() for client in clients))


async def _beat(tally: Tally) -> None:
    """Note how late this process is: what clients see of the service includes it."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(BEAT)
        tally.note("(the clients' process is late)", time.perf_counter() - begun - BEAT)


def _pause(outcome: Outcome, chance: random.Random) -> float:
    """Seconds until a client's next request: it thinks, and comes again when it is told to."""
    thinking = chance.expovariate(1 / THINKING)
    if outcome.word == BUSY:
        return thinking + min(outcome.retry_after or 0.0, 2.0)
    return thinking if outcome.word != HUNG else 0.0
