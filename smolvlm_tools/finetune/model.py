"""Opens a checkpoint as transformers' model, and decides which of its weights learn."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ..checkpoint import Checkpoint
from ..checkpoint.weights import fetch_safetensors
from ..export.reference import open_transformers
from .options import FineTuneOptions

_OF_VISION = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
"""Linear layers of the vision tower."""


@dataclass(frozen=True, slots=True)
class Learner:
    """A model that is being trained.

    Attributes:
        model: transformers' own; its adapted layers are peft's.
        adapted: peft's wrapper around it; None where all weights are trained.
    """

    model: Any
    adapted: Any | None

    def trained(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """The weights that learn, by name."""
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                yield name, parameter


def open_learner(checkpoint: Checkpoint, options: FineTuneOptions) -> Learner:
    """Open a checkpoint in float32 on the CPU; new matrices are drawn by `options.seed`.

    Raises:
        ModelInvalid, ModelNotFound: its weights are missing or do not fit its configuration.
    """
    fetch_safetensors(checkpoint)
    model = open_transformers(checkpoint.folder)
    checkpoint.confirm()
    if options.method == "full":
        for name, parameter in model.named_parameters():
            parameter.requires_grad = options.vision == "train" or not is_vision(name)
        return Learner(model, None)
    import peft

    torch.manual_seed(options.seed)
    config = peft.LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank if options.alpha is None else options.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=options.dropout,
        use_dora=options.dora,
        target_modules=_pattern(options),
    )
    with warnings.catch_warnings():
        # peft asks transformers 5.24 for a property that has another name there by now
        warnings.filterwarnings("ignore", ".is_gradient_checkpointing. ", FutureWarning)
        adapted = peft.get_peft_model(model, config)
    config.base_model_name_or_path = checkpoint.id
    config.revision = checkpoint.revision
    return Learner(model, adapted)


def is_vision(name: str) -> bool:
    """Whether a weight belongs to the vision tower or the connector."""
    return name.startswith(("model.vision_model.", "model.connector."))


def _pattern(options: FineTuneOptions) -> str:
    """The layers to adapt; those of the tower have the decoder's names, so paths are matched."""
    decoder = rf"model\.text_model\..*\.({'|'.join(options.targets)})"
    if options.vision == "frozen":
        return decoder
    tower = rf"model\.vision_model\..*\.({'|'.join(_OF_VISION)})"
    return rf"{decoder}|{tower}|model\.connector\.modality_projection\.proj"


def round_frozen_weights(learner: Learner) -> None:
    """Round frozen weights to bfloat16, half the memory: they are multiplied as such anyway."""
    for parameter in learner.model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
