"""What a run of fine-tuning is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..types import Resolution

Method: TypeAlias = Literal["lora", "full"]
TooLong: TypeAlias = Literal["skip", "coarser", "error"]
Arithmetic: TypeAlias = Literal["auto", "fp32", "bf16"]
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers of the decoder; TRL's script for vision models adapts the same."""


@dataclass(frozen=True, slots=True)
class FineTuneOptions:
    """How to train; what it leaves open is decided from the checkpoint, the device and the data.

    Attributes:
        method: "lora" learns small matrices beside the frozen weights; "full" changes them all.
        rank: of the small matrices (LoRA's r).
        alpha: their scale is alpha / rank; None for twice the rank.
        dropout: of the input of the small matrices, 0 to 1.
        targets: names of the linear layers that get them.
        dora: learn direction and length of each row apart (DoRA).
        vision: "frozen", or "train": also the vision tower and the connector.
        epochs: passes over the training samples; fractions are allowed.
        max_steps: optimizer steps at most; None for no limit beside `epochs`.
        batch_size: samples that are computed together; "auto" for the most that fit the memory.
        accumulate: batches whose gradients make one optimizer step.
        learning_rate: the highest; None for 2e-4 with LoRA and 2e-5 in full.
        warmup: the part of the steps in which the rate rises; then it falls as a cosine.
        weight_decay: of AdamW.
        max_grad_norm: gradients are scaled down to this norm.
        arithmetic: "auto" is bf16 where the device computes in it, else fp32.
        checkpointing: compute activations again instead of keeping them; None where memory asks.
        too_long: a sample beyond the context is left out and named ("skip"), cut coarser if that
            is enough ("coarser"), or ends the run before it starts ("error").
        validation: the part of the samples that is held apart, 0 to less than 1, where no file is
            given.
        evaluate_every: optimizer steps between measurements of the held-out loss; None for ten a
            run.
        patience: measurements without a lower loss after which the run stops; None for never.
        save_every: optimizer steps between states that a run resumes from; None for ten a run.
        resolution: how images are cut, as of a request.
        seed: of the order, of dropout and of new matrices.
    """

    method: Method = "lora"
    rank: int = 8
    alpha: float | None = None
    dropout: float = 0.0
    targets: tuple[str, ...] = TARGETS
    dora: bool = False
    vision: Literal["frozen", "train"] = "frozen"
    epochs: float = 1.0
    max_steps: int | None = None
    batch_size: int | Literal["auto"] = "auto"
    accumulate: int = 1
    learning_rate: float | None = None
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    arithmetic: Arithmetic = "auto"
    checkpointing: bool | None = None
    too_long: TooLong = "skip"
    validation: float = 0.1
    evaluate_every: int | None = None
    patience: int | None = None
    save_every: int | None = None
    resolution: Resolution = "auto"
    seed: int = 0
