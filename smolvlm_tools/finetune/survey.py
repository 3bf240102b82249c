"""Which samples can be learned from, and how long they are: found before the first step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..checkpoint import Checkpoint
from ..errors import BadOptions
from ..images import KnownImages
from .encoding import Encoder, Extent
from .options import FineTuneOptions, TooLong
from .samples import Samples, Split

_NAMED = 10
"""Places that a note names; after that they are counted."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Samples that can be used.

    Attributes:
        indices: of them in their `Samples`.
        extents: as many.
        places: as many; see `Sample`.
        notes: what was left out or cut coarser, a line each.
    """

    indices: tuple[int, ...]
    extents: tuple[Extent, ...]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each."""
        return tuple(extent.tokens for extent in self.extents)


@dataclass(frozen=True, slots=True)
class SurveyedSplit:
    """Samples to learn from and samples that are held apart, measured."""

    split: Split
    training: Survey
    held_out: Survey

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or changed, a line each, for the person."""
        return (*self.split.notes, *self.training.notes, *self.held_out.notes)


def survey_split(
    split: Split,
    checkpoint: Checkpoint,
    options: FineTuneOptions,
    known: KnownImages | None = None,
) -> SurveyedSplit:
    """Measure both sides, as this checkpoint and these options have it.

    Args:
        known: images that need not be decoded again.

    Raises:
        SmolVLMError: see `survey`.
    """
    encoder = Encoder(checkpoint, options.resolution, known=known)
    training, held_out = (
        survey(side, encoder, options.too_long) for side in (split.training, split.validation)
    )
    return SurveyedSplit(split, training, held_out)


def survey(
    samples: Samples, encoder: Encoder, too_long: TooLong, check: Callable[[], None] | None = None
) -> Survey:
    """Measure all samples.

    Args:
        too_long: see `FineTuneOptions`.
        check: called before every sample; what it raises ends the survey.

    Raises:
        BadOptions: a sample does not fit the context and `too_long` is "error".
        SmolVLMError: a sample cannot be read; the reason begins with its place.
    """
    indices: list[int] = []
    extents: list[Extent] = []
    places: list[str] = []
    left_out: list[str] = []
    coarser: list[str] = []
    for index in range(len(samples)):
        if check is not None:
            check()
        sample = samples[index]
        extent = encoder.measure(sample, coarser=too_long == "coarser")
        if extent.tokens > encoder.context_length:
            line = f"{sample.place} has {extent.tokens} tokens"
            if too_long == "error":
                raise BadOptions(
                    f"{line}; the model's context is {encoder.context_length}",
                    "Shorten it, lower `resolution`, or use `too_long='skip'` or "
                    "`too_long='coarser'`.",
                )
            left_out.append(line)
            continue
        if extent.max_side is not None:
            coarser.append(f"{sample.place} is cut to {extent.max_side} tiles a side")
        indices.append(index)
        extents.append(extent)
        places.append(sample.place)
    beyond = f"beyond the context of {encoder.context_length} tokens"
    notes = _summed(left_out, f"left out, {beyond}") + _summed(coarser, f"otherwise {beyond}")
    return Survey(tuple(indices), tuple(extents), tuple(places), notes)


def _summed(lines: list[str], why: str) -> tuple[str, ...]:
    named = tuple(f"{line}: {why}" for line in lines[:_NAMED])
    more = len(lines) - len(named)
    return (*named, f"and {more} more: {why}") if more else named
