"""What a measurement found, and what it holds for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from importlib import metadata

from pydantic import BaseModel, ConfigDict

from ...checkpoint import Checkpoint
from ...machine.cpu import cpu_name, this_cpu
from ...types import ExpectedSeconds

PROMPT = 256
"""Tokens of the prompt that is measured."""

PAGE_TILES, PAGE_TOKENS, PAGE_STEPS = 17, 1141, 128
"""A page and a reply of usual length: what backends are compared by."""

WORTHWHILE = 0.93
"""Another backend than the default one has to need less than this share of its seconds."""

_PACKAGES = ("smolvlm-tools", "onnxruntime", "openvino", "torch")


class Place(BaseModel):
    """What a measurement holds for; another one of these is measured by itself.

    Attributes:
        shape: of the checkpoint: a digest of its configuration's numbers, without any weight.
        threads: that compute.
        packages: versions of the runtimes that are installed.
    """

    model_config = ConfigDict(frozen=True)

    shape: str
    cpu: str
    threads: int
    packages: Mapping[str, str]

    @classmethod
    def here(cls, checkpoint: Checkpoint, threads: int | None = None) -> Place:
        """This machine, for checkpoints of this one's shape."""
        digest = hashlib.sha256(repr(checkpoint.config).encode()).hexdigest()[:16]
        return cls(
            shape=digest,
            cpu=f"{cpu_name()}, {this_cpu().kind}",
            threads=threads or usable_cpus(),
            packages={name: version for name in _PACKAGES if (version := _version(name))},
        )


class Speed(BaseModel):
    """What one way of running a checkpoint takes.

    Attributes:
        precision: of its components, as results state it.
        is_auto: whether it is what precision "auto" means for this backend.
        tile_seconds: for one tile's features.
        prefill_seconds: for a prompt of `PROMPT` tokens.
        step_seconds: for one token after it.
        peak_bytes: resident memory of a process that did all of it, at its most.
    """

    model_config = ConfigDict(frozen=True)

    backend: str
    precision: str
    is_auto: bool
    tile_seconds: float
    prefill_seconds: float
    step_seconds: float
    peak_bytes: int

    @property
    def page_seconds(self) -> float:
        """For a page of `PAGE_TILES` tiles and a reply, as a sum of its parts."""
        return self.expect(PAGE_TILES, PAGE_TOKENS, PAGE_STEPS).total

    def expect(self, tiles: int, prompt_tokens: int, most_tokens: int) -> ExpectedSeconds:
        """For a request, as a sum of parts; its reply of usual length or at most `most_tokens`."""
        steps = min(PAGE_STEPS, most_tokens)
        return ExpectedSeconds(
            vision=tiles * self.tile_seconds,
            prefill=self.prefill_seconds * prompt_tokens / PROMPT,
            decode=steps * self.step_seconds,
            new_tokens=steps,
        )

    def quicker(self, other: Speed) -> Speed:
        """The quicker of two measurements of the same, part by part: other work only adds."""
        parts = ("tile_seconds", "prefill_seconds", "step_seconds", "peak_bytes")
        return self.model_copy(
            update={name: min(getattr(self, name), getattr(other, name)) for name in parts}
        )


class Tuning(BaseModel):
    """All that was measured in one place.

    Attributes:
        speeds: the quickest page first.
        failures: by "backend precision", why it could not be measured.
    """

    model_config = ConfigDict(frozen=True)

    place: Place
    speeds: tuple[Speed, ...]
    failures: Mapping[str, str]

    def find(self, backend: str, precision: str) -> Speed | None:
        """What a way of running takes; None if it was not measured."""
        same = (
            each for each in self.speeds if (each.backend, each.precision) == (backend, precision)
        )
        return next(same, None)


def rank_speeds(speeds: Iterable[Speed], default: str | None) -> list[Speed]:
    """The quickest page first; the default backend before those that are hardly quicker.

    What runs in the same library is measured at other moments, so small differences say nothing.
    """

    def seconds(speed: Speed) -> float:
        return speed.page_seconds * (WORTHWHILE if speed.backend == default else 1)

    return sorted(speeds, key=seconds)


def usable_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
