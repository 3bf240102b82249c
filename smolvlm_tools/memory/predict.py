"""What a workload takes, stage by stage: the parts of a footprint added up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..backends.footprint import Footprint
from ..cache.limits import CacheLimits
from ..prompt.workload import Workload
from .image_footprint import cut_bytes, cutting_bytes

LOADED_MARGIN, WORKING_MARGIN = 0.025, 0.12
"""Shares that are added to what is loaded and to what a request takes: of two runs of the same
program one may take so much more, and a prediction below the peak is a broken promise."""


@dataclass(frozen=True, slots=True)
class Working:
    """What one request takes above everything that is loaded, in bytes.

    Attributes:
        cutting: pixels, and what cutting them into tiles needs.
        images: pixels, and tiles as bytes.
        vision: working memory of the vision tower for one micro-batch.
        features: of all tiles to be encoded.
        kv: keys and values at the end of the reply.
        prefill: working memory of reading the prompt.
        step: working memory of a decode step.
        logits: scores of the next token.
        caches: what stays for later requests.
    """

    cutting: int
    images: int
    vision: int
    features: int
    kv: int
    prefill: int
    step: int
    logits: int
    caches: int

    @property
    def stages(self) -> dict[str, int]:
        """Bytes while each stage runs, with a margin."""
        sums = {
            "images": self.cutting + self.features,
            "vision": self.images + self.vision + self.features,
            "prefill": self.features + self.kv + self.prefill + self.logits,
            "decode": self.kv + self.step + self.logits + self.caches,
        }
        return {name: int(count * (1 + WORKING_MARGIN)) for name, count in sums.items()}

    @property
    def peak(self) -> int:
        return max(self.stages.values())


def working(
    footprint: Footprint,
    load: Workload,
    tiles_per_batch: int,
    limits: CacheLimits,
    *,
    known_tokens: int = 0,
    keeps_prompt: bool = False,
    host: bool = True,
) -> Working:
    """Predict one request.

    Args:
        load: the request, without the images whose features are known already.
        known_tokens: beginning of the prompt whose keys and values are only copied.
        keeps_prompt: whether its keys and values stay, even where the cache has no room for them.
        host: whether it is the host's memory, where images are prepared, and not a GPU's.
    """
    tiles = load.tiles
    features, kv = footprint.features(tiles), footprint.kv(load.sequence)
    kept = features if features <= limits.vision_bytes else 0
    if kv <= limits.kv_bytes:
        kept += kv
    elif keeps_prompt:
        kept += footprint.kv(load.prompt_tokens)
    return Working(
        cutting=cutting_bytes(load.images) if host else 0,
        images=cut_bytes(load.images) if host else 0,
        vision=footprint.vision(min(tiles, tiles_per_batch)) if tiles else 0,
        features=features,
        kv=kv,
        prefill=footprint.prefill(load.prompt_tokens - known_tokens, known_tokens),
        step=footprint.step(load.batch, load.sequence),
        logits=footprint.logits(load.batch),
        caches=kept,
    )


@dataclass(frozen=True, slots=True)
class Prediction:
    """A whole process: what is loaded, and a workload on top.

    Attributes:
        parts: bytes by name, for people; working memory of stages that follow each other is not
            in use at once, so they add up to more than `peak`.
        stages: bytes while each stage runs.
    """

    parts: dict[str, int]
    stages: dict[str, int]

    @property
    def peak(self) -> int:
        return max(self.stages.values())


def predict(
    footprint: Footprint,
    load: Workload,
    tiles_per_batch: int,
    limits: CacheLimits,
    process: int,
    imported: Collection[str] = (),
    *,
    host: bool = True,
) -> Prediction:
    """Predict loading and one workload, its whole batch included.

    Args:
        process: bytes of the process before anything is loaded; 0 for a GPU's allocator.
        imported: libraries that are part of `process`.
    """
    libraries = sum(n for name, n in footprint.libraries.items() if name not in imported)
    loaded = process + libraries + sum(footprint.weights.values()) + footprint.metadata
    margin = int(LOADED_MARGIN * loaded)
    loaded += margin
    one = working(footprint, load, tiles_per_batch, limits, host=host)
    others = (load.batch - 1) * one.kv + min((load.batch - 1) * one.caches, limits.total)
    others += int(WORKING_MARGIN * others)
    stages = {"load": loaded + footprint.loading} | {
        name: loaded + others + count for name, count in one.stages.items()
    }
    parts = {
        "process": process,
        "libraries": libraries,
        **{f"{name} weights": count for name, count in footprint.weights.items()},
        "quantization metadata": footprint.metadata,
        "images": max(one.cutting, one.images),
        "vision activations": one.vision + one.features,
        "prefill activations": one.prefill,
        "logits": one.logits,
        "KV": load.batch * one.kv,
        "caches": min(load.batch * one.caches, limits.total),
        "loading": footprint.loading,
        "margin": margin + int(one.peak * WORKING_MARGIN / (1 + WORKING_MARGIN)) + 1,
    }
    return Prediction(parts, stages)
