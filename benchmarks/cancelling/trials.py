"""Gives up requests, each in a stage and in a way, and measures how soon all of it is free."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.cancelling.asking import LONG, NEIGHBOUR, Surface
from benchmarks.cancelling.http import HttpSurface
from benchmarks.cancelling.loops import LoopSurface
from benchmarks.cancelling.python import PythonSurface
from benchmarks.cancelling.sources import StallingServer, write_sources
from benchmarks.cancelling.stdio import StdioSurface
from benchmarks.cancelling.watch import PATIENCE, Kept, Watch, kept, wait_for
from benchmarks.paths import ROOT
from smolvlm_tools import ImagePolicy, SmolVLM
from smolvlm_tools.machine.closing import Closing
from smolvlm_tools.tools import ImageStore, Toolbox

BATCH = 2
"""Replies that decode together; as many others fill the engine while one waits in the queue."""

GOOD_EVERY = 10
"""So many requests that are given up, and then a good one."""

GOOD = ROOT / "examples" / "images" / "shapes.png"
SURFACES = ("python", "asyncio", "stdio", "http")
PATIENCE_TO_COME = 60.0
"""Seconds within which a request comes to its stage, on any machine."""


class Moment(NamedTuple):
    """When a request is given up.

    Attributes:
        source: what it is about; see `write_sources`. None: an address that does not answer.
        spread: seconds; up to so long after it has come to its stage.
    """

    source: str | None
    spread: float


MOMENTS = {
    "fetch": Moment(None, 0.1),
    "document": Moment("document", 1.0),
    "picture": Moment("picture", 0.3),
    "queue": Moment("good", 0.1),
    "vision": Moment("good", 0.02),
    "prefill": Moment("good", 0.02),
    "decode": Moment("good", 0.3),
    "any": Moment("good", 1.0),
}


class Cancel(NamedTuple):
    """A request that was given up.

    Attributes:
        seconds: until all of it was free; None if it was stuck.
    """

    surface: str
    way: str
    moment: str
    seconds: float | None


class Outcome(NamedTuple):
    """What came of all of them.

    Attributes:
        missed: requests that had ended before they were given up; not among `cancels`.
        step_seconds: of the decode steps.
        before, after: what this process had once each way had been gone, and in the end.
        wrong: texts of good requests that were not that of the first one.
    """

    cancels: list[Cancel]
    missed: int
    step_seconds: list[float]
    before: Kept
    after: Kept
    good: int
    wrong: list[str]


class Trials(Closing):
    """Gives up requests on the surfaces of one engine.

    Args:
        folder: for the images.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        policy = ImagePolicy.agent([folder]).model_copy(update={"public_addresses_only": False})
        self._vlm = SmolVLM.load("embedded", policy=policy, batch_size=BATCH, cache=False)
        self._toolbox = Toolbox(self._vlm, store=ImageStore(policy))
        self._watch, self._stalling = Watch(self._vlm), StallingServer()
        self._sources = write_sources(folder, GOOD)
        self._surfaces = {name: self._open(name) for name in names}
        self._expected: dict[str, str] = {}
        self._good, self._wrong = 0, list[str]()

    def run(self, count: int, seed: int, tell: Callable[[Cancel], None]) -> Outcome:
        """Give up so many requests, over all ways and moments, in an order by `seed`."""
        chance = random.Random(seed)
        cases = [
            (surface, way, moment)
            for surface, opened in self._surfaces.items()
            for way in opened.ways
            for moment in MOMENTS
        ]
        for surface, opened in self._surfaces.items():  # starts whatever starts late
            for way in opened.ways:
                self.cancel(surface, way, "decode", chance)
        before, missed, cancels = self._kept(), 0, list[Cancel]()
        for surface, way, moment in _again_and_again(cases, chance):
            if len(cancels) == count:
                break
            cancel = self.cancel(surface, way, moment, chance)
            if cancel is None:
                missed += 1
                continue
            cancels.append(cancel)
            tell(cancel)
            if len(cancels) % GOOD_EVERY == 0 or len(cancels) == count:
                self._check_good(surface)
        steps = self._watch.step_seconds
        return Outcome(cancels, missed, steps, before, self._kept(), self._good, self._wrong)

    def cancel(self, surface: str, way: str, moment: str, chance: random.Random) -> Cancel | None:
        """Give one request up; None if it had ended before, or never came to its stage."""
        source, spread = MOMENTS[moment]
        image = self._sources[source] if source else self._stalling.url(chance.random() < 0.5)
        ask = self._surfaces[surface].ways[way]
        with self._neighbours(BATCH if moment == "queue" else 0) as others:
            come = self._comes_to(moment)
            asked = ask(image)
            is_there = wait_for(come, PATIENCE_TO_COME)
            time.sleep(chance.uniform(0, spread))
            if not is_there or self._watch.is_free(others):
                asked.give_up()
                return None
            began = time.perf_counter()
            asked.give_up()
            free = wait_for(lambda: self._watch.is_free(others) and asked.is_over(), PATIENCE)
            seconds = time.perf_counter() - began
        if not free:  # what comes next starts from a free engine
            wait_for(self._watch.is_free, PATIENCE_TO_COME)
        return Cancel(surface, way, moment, seconds if free else None)

    def close(self) -> None:
        for surface in self._surfaces.values():
            surface.close()
        self._stalling.close()
        self._vlm.close()

    def _open(self, name: str) -> Surface:
        if name == "python":
            return PythonSurface(self._vlm, self._toolbox)
        if name == "asyncio":
            return LoopSurface(self._vlm, self._toolbox)
        return StdioSurface(self._toolbox) if name == "stdio" else HttpSurface(self._toolbox)

    def _comes_to(self, moment: str) -> Callable[[], bool]:
        """Says whether a request that is made from now on has come to its stage."""
        watch = self._watch
        if moment == "fetch":
            return lambda: self._stalling.asked > 0
        if moment in ("document", "picture"):
            return lambda: watch.reading
        if moment == "queue":
            return lambda: watch.waiting > 0 or watch.replies < BATCH  # the others have ended
        if moment == "any":
            return lambda: watch.replies > 0 or watch.reading
        before = watch.entered[moment]
        return lambda: watch.entered[moment] > before

    @contextmanager
    def _neighbours(self, count: int) -> Generator[int]:
        """So many replies that are decoding, given up at the end."""
        self._watch.together = 0
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(self._vlm.stream(NEIGHBOUR, **LONG))
            if count:
                wait_for(lambda: self._watch.together == count, PATIENCE_TO_COME)
            yield count
        wait_for(self._watch.is_free, PATIENCE_TO_COME)

    def _kept(self) -> Kept:
        """What this process has when everybody has left."""
        for name in self._surfaces:
            self._check_good(name)
        wait_for(lambda: self._watch.is_free() and not self._stalling.asked, PATIENCE)
        return kept()

    def _check_good(self, surface: str) -> None:
        text = self._surfaces[surface].good(self._sources["good"])
        self._good += 1
        if text != self._expected.setdefault(surface, text):
            self._wrong.append(text)


def _again_and_again(
    cases: list[tuple[str, str, str]], chance: random.Random
) -> Iterator[tuple[str, str, str]]:
    """All cases in an order by chance, then all of them in another one."""
    while True:
        yield from chance.sample(cases, len(cases))


def give_up(names: Sequence[str], count: int, seed: int, tell: Callable[[Cancel], None]) -> Outcome:
    """Give up so many requests on these surfaces of an embedded model."""
    with tempfile.TemporaryDirectory() as folder, Trials(names, Path(folder)) as trials:
        return trials.run(count, seed, tell)
