"""Measures every way in which this machine can run a checkpoint, and keeps what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ...checkpoint import Checkpoint, open_checkpoint
from ...errors import BadOptions, ModelNotFound, SmolVLMError
from ..choose import check_names
from ..registry import SPECS
from .kept import keep
from .speeds import Place, Speed, Tuning
from .trial import Trial

ROUNDS = 2
PATIENCE = 600.0
"""Seconds that one trial may take: the largest checkpoint on a slow machine takes a minute."""

Tell: TypeAlias = "Callable[[int, int, str], None]"
"""Is told how many trials are done, of how many, and which one is next."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of running a checkpoint on the CPU."""

    backend: str
    precision: str
    is_auto: bool

    @property
    def name(self) -> str:
        return f"{self.backend} {self.precision}"


def tune_model(
    name: str | Path = "256m",
    *,
    threads: int | None = None,
    rounds: int = ROUNDS,
    revision: str | None = None,
    local_files_only: bool = False,
    tell: Tell | None = None,
) -> Tuning:
    """Measure each backend that is installed, in each form that the checkpoint has files of.

    One tile, a short prompt and some tokens take seconds each; every measurement runs in a process
    of its own, and the rounds alternate. The result is kept in the user's cache folder, for all
    checkpoints of this shape, and backend "auto" goes by it from now on.

    Args:
        name: as of `SmolVLM.load`.
        threads: CPU threads, as they will be given to `SmolVLM.load`.
        rounds: how often each is measured; the quickest counts.
        tell: is told of progress.

    Raises:
        ModelNotFound: there is no such checkpoint, or nothing here can run it.
        BadOptions: an impossible number of threads or rounds.
    """
    check_names(threads=threads)
    if rounds < 1:
        raise BadOptions(f"rounds {rounds!r} is too few", "Use 1 or more.")
    checkpoint = open_checkpoint(name, revision=revision, local_files_only=local_files_only)
    ways = list(ways_of(checkpoint))
    if not ways:
        raise ModelNotFound(
            f"no installed backend can run {checkpoint.id}",
            "Run `smolvlm doctor` to see what is installed, and what would help.",
        )
    trial = Trial(
        name=str(name),
        revision=revision,
        local_files_only=local_files_only,
        threads=threads,
        backend="",
        precision="",
    )
    speeds, failures = _measure(trial, ways * rounds, tell or _quiet)
    ranked = sorted(speeds.values(), key=lambda speed: speed.page_seconds)
    tuning = Tuning(place=Place.here(checkpoint, threads), speeds=tuple(ranked), failures=failures)
    if speeds:
        keep(tuning)
    return tuning


def _measure(
    trial: Trial, ways: Sequence[Way], tell: Tell
) -> tuple[dict[Way, Speed], dict[str, str]]:
    """The quickest of all runs of each way, and why some could not be measured even once."""
    speeds: dict[Way, Speed] = {}
    failures: dict[str, str] = {}
    for done, way in enumerate(ways):
        tell(done, len(ways), way.name)
        asked = {"backend": way.backend, "precision": way.precision}
        found = _run(trial.model_copy(update=asked))
        if reason := found.get("reason"):
            failures[way.name] = reason
            continue
        speed = Speed(**asked, is_auto=way.is_auto, **found)
        speeds[way] = speed.quicker(speeds.get(way, speed))
    tell(len(ways), len(ways), "")
    measured = {way.name for way in speeds}
    return speeds, {name: why for name, why in failures.items() if name not in measured}


def _quiet(done: int, total: int, name: str) -> None:
    """Tells nobody."""


def ways_of(checkpoint: Checkpoint) -> Iterator[Way]:
    """Every installed backend with each form that the checkpoint has for the CPU."""
    for name, spec in SPECS.items():
        if spec.missing:
            continue
        seen: set[str] = set()
        for asked in spec.forms(checkpoint):
            if not spec.can_run(checkpoint, asked, "cpu"):
                continue
            try:
                setup = next(iter(spec.setups(checkpoint, asked, "cpu")))
            except SmolVLMError:  # such as int8 files that this CPU would get wrong
                continue
            precision = spec.describe(setup.precision)
            if precision not in seen:
                seen.add(precision)
                yield Way(name, precision, asked == "auto")


def _run(trial: Trial) -> dict[str, Any]:
    """What a process of its own found, or a `reason`."""
    command = [sys.executable, "-P", "-m", f"{__package__}.trial"]
    try:
        ended = subprocess.run(
            command,
            input=trial.model_dump_json(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"reason": f"it took longer than {PATIENCE:g} s"}
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or ["without a word"]
        return {"reason": f"its process ended with {ended.returncode} ({last[0][:200]})"}
    return json.loads(ended.stdout.splitlines()[-1])
