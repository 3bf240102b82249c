"""What a run of fine-tuning is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from ..errors import BadOptions
from ..machine.amounts import check_number, check_whole
from ..prompt.resolution import parse_resolution
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

    def __post_init__(self) -> None:
        """Check every value; raises BadOptions."""
        self._check_choices()
        self._check_counts()
        for name, least, most in _BOUNDS:
            value = getattr(self, name)
            if value is not None:
                check_number(name, value, least, most)
        if self.epochs == 0 or self.validation == 1:
            name = "epochs" if self.epochs == 0 else "validation"
            raise BadOptions(
                f"`{name}={getattr(self, name)}` leaves nothing to learn from",
                "Use more than 0." if name == "epochs" else "Use less than 1.",
            )
        parse_resolution(self.resolution)
        if self.too_long == "coarser" and self.resolution != "auto":
            raise BadOptions(
                f"`too_long='coarser'` cuts images otherwise than `resolution={self.resolution!r}`",
                "Use `resolution='auto'`, or `too_long='skip'`.",
            )

    def _check_choices(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise BadOptions(
                    f"`{name}={value!r:.60}` is unknown", f"Use one of {', '.join(allowed)}."
                )
        for name in ("dora", "checkpointing"):
            value = getattr(self, name)
            if not isinstance(value, bool) and (value is not None or name == "dora"):
                raise BadOptions(f"`{name}={value!r:.60}` is no yes or no", "Use True or False.")
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or not self.targets or isinstance(self.targets, str):
            raise BadOptions(
                f"`targets={self.targets!r:.60}` are not layers of the decoder",
                f"Use some of {', '.join(TARGETS)}.",
            )
        if self.dora and self.method == "full":
            raise BadOptions(
                "`dora=True` is a form of LoRA, and `method='full'` trains all weights",
                "Leave one of them out.",
            )

    def _check_counts(self) -> None:
        if self.batch_size != "auto":
            check_whole("batch_size", self.batch_size)
        for name in ("rank", "accumulate"):
            check_whole(name, getattr(self, name))
        for name in ("max_steps", "evaluate_every", "patience", "save_every"):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name))
        check_whole("seed", self.seed, least=0)


_CHOICES = {
    "method": get_args(Method),
    "vision": ("frozen", "train"),
    "arithmetic": get_args(Arithmetic),
    "too_long": get_args(TooLong),
}
_BOUNDS = (
    ("alpha", 1e-6, 1e6),
    ("dropout", 0, 0.99),
    ("epochs", 0, 1e6),
    ("learning_rate", 1e-12, 100),
    ("warmup", 0, 1),
    ("weight_decay", 0, 100),
    ("max_grad_norm", 1e-12, 1e12),
    ("validation", 0, 1),
)
"""Names, least and most of the options that are numbers."""
