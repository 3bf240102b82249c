"""What each component does alone: its own error, and its effect on the reference's logits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from .divergence import Divergence, relative_error
from .engines import DecoderInputs, EngineRun, ReferenceRun, Work, loaded, read_probes
from .reading import Rows
from .report import ComponentQuality, EngineQuality


def judge_components(
    work: Work, reference: ReferenceRun, tested: Sequence[EngineRun]
) -> list[EngineQuality]:
    """Complete each engine's quality with its vision tower, token table and decoder alone.

    The reference is loaded again if any engine's features or embeddings differ from its own.
    """
    apart = [_apart(reference.given, each.given) for each in tested]
    differ = any(error for parts in apart for error, _ in parts.values())
    found: list[EngineQuality] = []
    with loaded(work, reference.choice) if differ else nullcontext() as engine:
        if differ:
            work.progress(f"{reference.choice}: on the others' images and token tables")
        for parts, each in zip(apart, tested, strict=True):
            rows: list[ComponentQuality] = []
            for name, (error, given) in parts.items():
                if engine is None or not error:
                    rows.append(ComponentQuality(name, 0.0, 0.0, 0.0, 1.0))
                else:
                    rows.append(_row(name, error, read_probes(engine, reference, given)))
            rows += [_row("decoder", None, each.decoder), _row("all", None, each.whole)]
            found.append(replace(each.quality, components=tuple(rows)))
    return found


def _apart(
    reference: DecoderInputs, found: DecoderInputs
) -> dict[str, tuple[float, DecoderInputs]]:
    """By component: its error, and the decoder's inputs if only that component were replaced."""
    parts: dict[str, tuple[float, DecoderInputs]] = {}
    if reference.features:
        error = relative_error(_joined(reference.features), _joined(found.features))
        parts["vision"] = error, DecoderInputs(found.features, reference.embedded)
    error = relative_error(_joined(reference.embedded), _joined(found.embedded))
    parts["embed"] = error, DecoderInputs(reference.features, found.embedded)
    return parts


def _joined(rows: Sequence[Rows | None]) -> Rows:
    return np.concatenate([part for part in rows if part is not None])


def _row(name: str, error: float | None, found: Divergence) -> ComponentQuality:
    return ComponentQuality(name, error, found.logit_error, found.mean_kl, found.same_top)
