"""What a run of training takes, from a checkpoint's shapes and the lengths of its samples.

Counts the tensors that transformers' model keeps for the gradient, layer by layer. Arithmetic
alone: no torch is imported. What counts and what was measured beside it: docs/finetune.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..backends.torch.footprint import TORCH
from ..backends.torch.shapes import Linear, linears, other_numbers, patch_embedding, patches
from ..checkpoint.config import ModelConfig
from .encoding import Extent
from .options import FineTuneOptions

MB = 10**6

LIBRARIES = 240 * MB
"""transformers, peft and what they import, above torch: 180 MB by import, the rest by a first step
(measured on Linux x86-64 with torch 2.13's CPU build)."""

SPARE = 1.15
"""Bytes taken for each byte counted: blocks are rounded up, and freed ones lie apart."""

KEPT = 500 * MB
"""Features of images that are kept between epochs, of either side; see `train.FEATURE_BYTES`."""

TILES_AT_ONCE = 16
"""Tiles that a frozen tower sees together; see `learning.TILES_AT_ONCE`."""

SCORED = 1024
"""Answer tokens whose scores are there at once; see `loss.AT_ONCE`."""

HALF = 2
"""Bytes of a number in the checkpoints of the hub."""

ADAM = 8
"""Bytes that AdamW keeps for each number."""


@dataclass(frozen=True, slots=True)
class BatchShape:
    """The largest batch of a run.

    Attributes:
        samples: in it.
        tokens: of it, padding included.
        answers: tokens that are learned.
        tiles: of its images.
        tiles_of_one: of the images of one sample, at most.
    """

    samples: int
    tokens: int
    answers: int
    tiles: int
    tiles_of_one: int

    @classmethod
    def largest(cls, extents: Sequence[Extent], samples: int) -> BatchShape:
        """The worst that so many samples can be together."""
        tokens = max((each.tokens for each in extents), default=0)

        def most(counts: list[int]) -> int:
            return sum(sorted(counts, reverse=True)[:samples])

        answers, tiles = most([e.answers for e in extents]), [each.tiles for each in extents]
        return cls(samples, samples * tokens, answers, most(tiles), max(tiles, default=0))


@dataclass(frozen=True, slots=True)
class TrainingFootprint:
    """Bytes that training takes, by part.

    Attributes:
        width: bytes of an activation's number: 4 in fp32, 2 in bf16.
    """

    config: ModelConfig
    options: FineTuneOptions
    arithmetic: str
    checkpointing: bool

    @property
    def _act(self) -> int:
        # Of bf16 some are kept in float32 beside it: inputs of the small matrices, norms.
        return 4 if self.arithmetic == "fp32" else 3

    @property
    def numbers(self) -> int:
        """All weights of the checkpoint."""
        matrices = sum(_count(members) for members in linears(self.config).values())
        text = self.config.text
        table = 0 if self.config.tied else text.vocab_size * text.hidden_size
        norms = (2 * text.layers + 1) * text.hidden_size
        others = other_numbers(self.config, "vision") + patch_embedding(self.config).numbers
        return matrices + table + norms + others

    @property
    def trained(self) -> int:
        """Weights that learn."""
        if self.options.method == "full":
            return self.numbers - (0 if self._trains_vision else self._vision_numbers)
        text = self.config.text
        rows = {"q_proj": text.heads, "k_proj": text.kv_heads, "v_proj": text.kv_heads}
        inner, hidden = text.intermediate_size, text.hidden_size
        attention = text.heads * text.head_dim
        shapes = {name: (hidden, heads * text.head_dim) for name, heads in rows.items()}
        shapes |= {"o_proj": (attention, hidden), "down_proj": (inner, hidden)}
        shapes |= {"gate_proj": (hidden, inner), "up_proj": (hidden, inner)}
        found = sum(self._small(*shapes[name]) for name in self.options.targets) * text.layers
        if self._trains_vision:
            for name in ("vision", "connector"):
                for linear in linears(self.config)[name]:
                    found += sum(self._small(linear.inputs, n) for n in linear.parts) * linear.count
        return found

    @property
    def weights(self) -> int:
        """The weights, those that were added included."""
        added = self.trained if self.options.method == "lora" else 0
        if self.arithmetic == "fp32":
            return 4 * (self.numbers + added)
        if self.options.method == "lora":
            return 2 * self.numbers + 4 * added
        # bf16 copies of what learns are kept for the length of a step
        return 2 * self.numbers + 4 * self.trained

    @property
    def optimizer(self) -> int:
        """Gradients and AdamW's two means."""
        return (4 + ADAM) * self.trained

    def files(self, stored: int | None) -> int:
        """The files of the weights: they are mapped until the last tensor is read.

        Args:
            stored: their bytes; None where they are not here yet.
        """
        return HALF * self.numbers if stored is None else stored

    def loading(self, stored: int | None) -> int:
        """Of the checkpoint: it is opened in float32, beside its files."""
        return 4 * self.numbers + self.files(stored)

    def activations(self, batch: BatchShape) -> int:
        """Kept of the decoder's layers for the gradient, and the largest gradients of one layer."""
        text = self.config.text
        layer = self._layer * batch.tokens
        entering = text.hidden_size * batch.tokens * self._act
        kept = text.layers * entering + layer if self.checkpointing else text.layers * layer
        backward = (3 * text.intermediate_size + 4 * text.hidden_size) * batch.tokens * 4
        return 3 * entering + kept + backward

    def scores(self, batch: BatchShape) -> int:
        """Scores of the vocabulary where an answer's token comes next, and their gradients."""
        text = self.config.text
        together = min(batch.answers, SCORED)
        return 4 * 4 * together * text.vocab_size + 4 * 3 * batch.answers * text.hidden_size

    def vision(self, batch: BatchShape) -> int:
        """Of the vision tower: what one layer needs, or what all keep where they learn."""
        vision = self.config.vision
        hidden, inner = vision.hidden_size, vision.intermediate_size
        tiles = batch.tiles if self._trains_vision else min(batch.tiles_of_one, TILES_AT_ONCE)
        rows = tiles * patches(self.config)
        pixels = tiles * 3 * vision.image_size**2 * 9  # as bytes, float32, and normalised
        mask = tiles * patches(self.config) ** 2 * 4
        if self._trains_vision:
            kept = vision.layers * (9 * hidden + 2 * inner) * rows
            return pixels + mask + 4 * (kept + (3 * hidden + 2 * inner) * rows)
        return pixels + mask + 4 * (4 * hidden + 2 * inner) * rows

    def reading(self, batch: BatchShape) -> int:
        """Tiles as bytes of this batch and of those that are read ahead."""
        return 3 * batch.tiles * 3 * self.config.vision.image_size**2

    def features(self, tiles: Sequence[int]) -> int:
        """Features that are kept between epochs.

        Args:
            tiles: of all samples that are learned from, and of those that are held apart.
        """
        each = self.config.image.tokens_per_tile * self.config.text.hidden_size * 4
        return 0 if self._trains_vision else sum(min(KEPT, count * each) for count in tiles)

    @property
    def _layer(self) -> int:
        """Bytes that a decoder layer keeps of each token."""
        text = self.config.text
        attention = text.heads * text.head_dim
        norms = 6 if self.options.method == "full" else 4
        numbers = norms * text.hidden_size + 5 * attention + 4 * text.intermediate_size
        small = 0.0
        if self.options.method == "lora":
            outputs = 3 * attention + 2 * text.hidden_size + 2 * text.intermediate_size
            inputs = 5 * text.hidden_size + attention + text.intermediate_size
            small += 2 * len(self.options.targets) * self.options.rank
            small += 3 * outputs * self.options.dora  # the frozen result, scaled, and the sum
            small += 1.25 * inputs * (self.options.dropout > 0)  # each layer's own, and a mask
        return int((numbers + small) * self._act)

    @property
    def _trains_vision(self) -> bool:
        return self.options.vision == "train"

    @property
    def _vision_numbers(self) -> int:
        found = linears(self.config)
        matrices = _count(found["vision"]) + _count(found["connector"])
        return (
            matrices + other_numbers(self.config, "vision") + patch_embedding(self.config).numbers
        )

    def _small(self, inputs: int, outputs: int) -> int:
        length = outputs if self.options.dora else 0
        return self.options.rank * (inputs + outputs) + length


def _count(members: Sequence[Linear]) -> int:
    return sum(linear.numbers * linear.count for linear in members)


def predict(
    footprint: TrainingFootprint,
    batch: BatchShape,
    tiles: Sequence[int],
    process: int,
    stored: int | None = None,
) -> dict[str, int]:
    """Bytes by part; those that are there together at the peak add up to "peak".

    Args:
        tiles: see `TrainingFootprint.features`.
        process: bytes in use before anything is loaded; 0 for a GPU's allocator.
        stored: see `TrainingFootprint.files`.
    """
    parts = {
        "process and libraries": process + (TORCH + LIBRARIES if process else 0),
        "weights": footprint.weights,
        "weights' files, until they are read": footprint.files(stored) if process else 0,
        "gradients and optimizer": footprint.optimizer,
        "decoder activations": int(SPARE * footprint.activations(batch)),
        "scores": int(SPARE * footprint.scores(batch)),
        "vision": int(SPARE * footprint.vision(batch)),
        "samples read ahead": footprint.reading(batch) if process else 0,
        "features kept": footprint.features(tiles),
    }
    text, vision = parts["decoder activations"] + parts["scores"], parts["vision"]
    trains_vision = footprint.options.vision == "train"
    learning = text + vision if trains_vision else max(text, vision)
    around = sum(
        parts[name] for name in ("gradients and optimizer", "samples read ahead", "features kept")
    )
    step = footprint.weights + around + learning
    # States are copied before they are written; merged weights are written one after the other.
    saving = footprint.weights + around + footprint.optimizer + 4 * footprint.trained
    loading = footprint.loading(stored if process else 0)
    highest = max(step, saving, loading)
    return parts | {"peak": parts["process and libraries"] + highest}
