"""Sampling draws from the tokens that its options leave."""

from __future__ import annotations

import numpy as np
import pytest

from smolvlm_tools import (
    GenerationOptions,
)
from smolvlm_tools.decoding.sampling import Sampler


@pytest.mark.parametrize(
    "options", [{"top_k": 7}, {"top_p": 0.8}, {"top_k": 30, "top_p": 0.51}, {"top_p": 1e-9}, {}]
)
@pytest.mark.parametrize("levels", [5, 1000])
def test_only_the_tokens_that_a_full_sort_would_keep_are_drawn(options, levels):
    logits = np.random.default_rng(0).integers(0, levels, 200).astype(np.float32) / levels * 6
    order = np.argsort(-logits, kind="stable")[: options.get("top_k", 200)]
    shares = np.exp(logits[order]) / np.exp(logits[order]).sum()
    kept = set(order[np.cumsum(shares) - shares < options.get("top_p", 1)].tolist())
    sampler = Sampler(GenerationOptions(temperature=1.0, seed=1, **options))
    drawn = {sampler.pick(logits)[0] for _ in range(4000)}
    assert drawn <= kept
    assert len(kept) > 60 or drawn == kept
