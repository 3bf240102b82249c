"""Compares what exported files compute with what torch computes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from ..backends.onnx.backend import OnnxBackend
from ..backends.onnx.files import COMPONENTS
from ..checkpoint import Checkpoint
from ..errors import ModelInvalid
from .compare import REMEDY, compare
from .quantize import Floats
from .reference import GREEDY_STEPS, TorchOutputs
from .report import ComponentError

TOLERANCE = 1e-3
"""Largest error of an fp32 component, relative to torch's largest value."""


def check_precision(
    exported: Checkpoint, precision: str, reference: TorchOutputs
) -> tuple[list[ComponentError], int]:
    """The error of each component, and at how many greedy steps it chose torch's token.

    Raises:
        ModelInvalid: the files return NaN or a wrong shape, or in fp32 do not match torch.
    """
    with closing(OnnxBackend.load(exported, precision, "cpu")) as backend:
        features = backend.encode(reference.tiles)
        embeddings = backend.embed(reference.prompt)
        logits = _logits(backend, reference, [features[:1]])
    vision, embed, decoder = COMPONENTS
    errors = [
        compare(vision, precision, features, reference.features),
        compare(embed, precision, embeddings, reference.embeddings),
        compare(decoder, precision, logits, reference.logits),
    ]
    same = _same_choices(logits, reference.logits, precision == "fp32")
    if precision == "fp32":
        _require_match(errors, same)
    return errors, same


def _logits(backend: OnnxBackend, reference: TorchOutputs, features: list[Any]) -> Floats:
    """Logits after the prompt and after each of torch's tokens, (1 + GREEDY_STEPS, vocab)."""
    cache = backend.create_cache(len(reference.prompt) + GREEDY_STEPS)
    rows = [backend.forward(reference.prompt, cache, features)]
    for token in reference.tokens:
        rows.append(backend.forward(np.array([token]), cache))
    return np.stack(rows)


def _same_choices(found: Floats, truth: Floats, forgive_ties: bool) -> int:
    """Steps that choose torch's token; ties within the tolerance count if `forgive_ties`."""
    rows = np.arange(len(truth))
    lost = truth.max(axis=1) - truth[rows, found.argmax(axis=1)]
    allowed = TOLERANCE * np.abs(truth).max(axis=1) if forgive_ties else 0.0
    return int((lost <= allowed).sum())


def _require_match(errors: list[ComponentError], same: int) -> None:
    for error in errors:
        if error.max_relative > TOLERANCE:
            raise ModelInvalid(
                f"{error.component} (fp32) differs from torch by {error.max_relative:.2g} of the "
                f"largest value; at most {TOLERANCE:g} is allowed",
                REMEDY,
            )
    if same != GREEDY_STEPS + 1:
        raise ModelInvalid(
            f"{GREEDY_STEPS + 1 - same} of {GREEDY_STEPS + 1} greedy tokens (fp32) differ from "
            "those of torch",
            REMEDY,
        )
