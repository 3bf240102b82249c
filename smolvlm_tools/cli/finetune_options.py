"""The options of `smolvlm finetune`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BadOptions
from .options import Device, Offline, ResolutionOption, Revision, parse_resolution

if TYPE_CHECKING:
    from ..finetune.data import DataOptions
    from ..finetune.options import FineTuneOptions


@dataclass(frozen=True, slots=True)
class DataWish:
    """What the data file holds."""

    validation: Annotated[
        str,
        typer.Option(
            metavar="SHARE|FILE",
            help="Part of the samples that is held apart, so that no image is on both sides; or a "
            "file of others. 0 for none.",
        ),
    ] = "0.1"
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="auto (by the first row), messages, prompt, sharegpt, alpaca, table or folder.",
        ),
    ] = "auto"
    image_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=r"Where relative paths of images start.  \[default: the data file's folder]",
        ),
    ] = None
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a table: the image's path.")
    ] = None
    question_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a table: what is asked.")
    ] = None
    answer_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a table: the answer or caption.")
    ] = None
    question: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Asked about images that come without a question."),
    ] = "Can you describe this image?"
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out rows that cannot be used, and say how many."),
    ] = False

    def options(self) -> DataOptions:
        """What they say.

        Raises:
            BadOptions: it makes no sense.
        """
        from ..finetune.data import DataOptions

        return DataOptions(
            format=self.format,
            image_folder=self.image_folder,
            image_column=self.image_column,
            question_column=self.question_column,
            answer_column=self.answer_column,
            question=self.question,
            skip_bad=self.skip_bad,
        )

    def held_out(self) -> float | Path:
        """The share, or the file."""
        try:
            return float(self.validation)
        except ValueError:
            return Path(self.validation)


@dataclass(frozen=True, slots=True)
class LearnOptions:
    """How the model learns."""

    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="lora: small matrices beside the frozen weights; full: all weights.",
        ),
    ] = "lora"
    rank: Annotated[int, typer.Option(metavar="N", help="Of LoRA's matrices.")] = 8
    alpha: Annotated[
        float | None,
        typer.Option(metavar="N", help=r"Their scale is N/rank.  \[default: twice the rank]"),
    ] = None
    dropout: Annotated[float, typer.Option(metavar="P", help="Of their input.")] = 0.0
    targets: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help=r"Layers that get them, separated by commas.  \[default: q, k, v, o, gate, up and "
            "down_proj]",
        ),
    ] = None
    dora: Annotated[
        bool, typer.Option("--dora", help="Learn direction and length of weights apart.")
    ] = False
    vision: Annotated[
        str, typer.Option(metavar="WHAT", help="frozen, or train: also the vision tower.")
    ] = "frozen"
    epochs: Annotated[float, typer.Option(metavar="N", help="Passes over the samples.")] = 1.0
    max_steps: Annotated[int | None, typer.Option(metavar="N", help="Optimizer steps at most.")] = (
        None
    )
    batch_size: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Samples computed together; auto: the most that fit --memory-budget, up to 16, "
            "as long as 100 steps are left.",
        ),
    ] = "auto"
    accumulate: Annotated[int, typer.Option(metavar="N", help="Batches that make one step.")] = 1
    learning_rate: Annotated[
        float | None,
        typer.Option(metavar="RATE", help=r"The highest.  \[default: 2e-4; full: 2e-5]"),
    ] = None
    warmup: Annotated[
        float, typer.Option(metavar="SHARE", help="Part of the steps in which it rises.")
    ] = 0.03
    weight_decay: Annotated[float, typer.Option(metavar="N", help="Of AdamW.")] = 0.0
    max_grad_norm: Annotated[
        float, typer.Option(metavar="N", help="Longer gradients are cut to this length.")
    ] = 1.0
    arithmetic: Annotated[
        str, typer.Option(metavar="NAME", help="auto (bf16 on a GPU), fp32 or bf16.")
    ] = "auto"
    checkpointing: Annotated[
        bool | None,
        typer.Option(
            "--recompute/--no-recompute",
            help=r"Compute activations again instead of keeping them.  \[default: where memory "
            "asks]",
        ),
    ] = None
    too_long: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="Samples beyond the context: skip (left out and named), coarser (fewer tiles), "
            "or error. None is ever cut off.",
        ),
    ] = "skip"
    evaluate_every: Annotated[
        int | None,
        typer.Option(metavar="N", help=r"Steps between held-out losses.  \[default: ten a run]"),
    ] = None
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Stop after N held-out losses without a better one; keep the best."
        ),
    ] = None
    save_every: Annotated[
        int | None,
        typer.Option(metavar="N", help=r"Steps between saved states.  \[default: ten a run]"),
    ] = None
    resolution: ResolutionOption = "auto"
    seed: Annotated[int, typer.Option(metavar="N", help="Of order, dropout, matrices.")] = 0

    def options(self, validation: float) -> FineTuneOptions:
        """What they say.

        Raises:
            BadOptions: it makes no sense.
        """
        from ..finetune.options import TARGETS, FineTuneOptions

        targets = TARGETS if self.targets is None else tuple(_names(self.targets))
        given: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        given |= {
            "targets": targets,
            "batch_size": _batch_size(self.batch_size),
            "resolution": parse_resolution(self.resolution),
            "validation": validation,
        }
        return FineTuneOptions(**given)


@dataclass(frozen=True, slots=True)
class RunWish:
    """Which model, on what, and what is shown."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            envvar="SMOLVLM_MODEL",
            help="Alias (see `smolvlm models`), hub id, or folder.",
        ),
    ] = "256m"
    revision: Revision = None
    device: Device = "auto"
    memory_budget: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES",
            help="Most memory to use, such as 4GB; the run is planned to stay within it, or is "
            "refused before it starts.",
        ),
    ] = None
    plan: Annotated[
        bool, typer.Option("--plan", help="Read and measure everything, print, train nothing.")
    ] = False
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Go on from what an earlier run left in DIR."),
    ] = True
    answers: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Held-out questions answered before and after, for the report."
        ),
    ] = 50
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write DIR/tensorboard.")
    ] = False
    offline: Offline = False


def _batch_size(text: str) -> Any:
    """Read "auto" or a number."""
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise BadOptions(f"{text!r} is no batch size", "Use auto or a number such as 4.") from None


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
