from __future__ import annotations

import pytest

from smolvlm_tools.errors import BadOptions
from smolvlm_tools.finetune.options import FineTuneOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "qlora"),
        ("rank", 0),
        ("rank", 1.5),
        ("alpha", -1),
        ("alpha", float("nan")),
        ("dropout", 1.0),
        ("targets", ("lm_head",)),
        ("targets", ()),
        ("targets", "q_proj"),
        ("dora", "yes"),
        ("vision", "thaw"),
        ("epochs", 0),
        ("epochs", float("inf")),
        ("max_steps", 0),
        ("batch_size", 0),
        ("batch_size", "large"),
        ("accumulate", 0),
        ("learning_rate", 0),
        ("warmup", 1.5),
        ("weight_decay", -1),
        ("max_grad_norm", 0),
        ("arithmetic", "fp16"),
        ("checkpointing", 1),
        ("too_long", "cut"),
        ("validation", 1),
        ("evaluate_every", 0),
        ("patience", -1),
        ("save_every", 0),
        ("resolution", "high"),
        ("seed", -1),
    ],
)
def test_an_impossible_value_is_named_with_its_option(name, value):
    with pytest.raises(BadOptions) as caught:
        FineTuneOptions(**{name: value})
    assert name in caught.value.reason
    assert caught.value.remedy


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(BadOptions, match="coarser"):
        FineTuneOptions(too_long="coarser", resolution=2)
    with pytest.raises(BadOptions, match="dora"):
        FineTuneOptions(method="full", dora=True)
