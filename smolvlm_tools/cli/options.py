"""The options that several commands share, and what they amount to."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ..errors import BadOptions
from .console import working

if TYPE_CHECKING:
    from ..engine.smolvlm import SmolVLM
    from ..types import Resolution

DEFAULT_MODEL = "256m"

Images: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="Path, http(s) URL or data URI; - reads standard input. Several are answered in turn.",
        show_default=False,
    ),
]
Model: TypeAlias = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        envvar="SMOLVLM_MODEL",
        help="Alias (see `smolvlm models`), hub id, or folder. "
        "'embedded' ships with the package and needs no download.",
    ),
]
Revision: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="REV", help="Branch, tag or commit on the hub.", show_default=False),
]
Backend: TypeAlias = Annotated[
    str,
    typer.Option(metavar="NAME", help="onnx, openvino, torch, or auto: torch on a GPU, else onnx."),
]
Precision: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, fp32, bf16, fp16, int8, q4, …: whatever the model's files offer; for torch "
        "also bnb-nf4 and the other kinds of `smolvlm quantize`. Or one for each component: "
        "vision=int8,decoder=q4.",
    ),
]
Device: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")]
Adapter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="LoRA adapter to merge into the weights: a folder that peft saved, or a hub id "
        "(owner/name, owner/name@revision). Runs on the torch backend.",
        show_default=False,
    ),
]
MemoryBudget: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="BYTES",
        help="Most memory to use, such as 900MB or 1GB: of the whole process on a CPU, of the "
        "allocator on a GPU. What does not fit is refused before it runs.",
        show_default=False,
    ),
]
ResolutionOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--resolution",
        "-r",
        metavar="R",
        help="auto (no finer than the image needs), native (as transformers does), or the number "
        "of tiles along the longest edge. More tiles see finer print and take longer.",
    ),
]
MaxNewTokens: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N", help=r"Longest reply, in tokens.  \[default: 512]", show_default=False
    ),
]
MinConfidence: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="Hold an answer back when the model is less sure of it, 0 to 1.",
        show_default=False,
    ),
]
Context: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Text that surrounds the image, such as a caption; read before the task.",
        show_default=False,
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json", help="Print JSON and nothing else: an object, or a list for several images."
    ),
]
Stream: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        help=r"Print words as they come.  \[default: when stdout is a terminal]",
        show_default=False,
    ),
]
Offline: TypeAlias = Annotated[
    bool, typer.Option("--offline", help="Never download; use what is on this machine.")
]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and what shall run it."""

    model: str
    revision: str | None
    backend: str
    precision: str
    device: str
    offline: bool
    adapter: str | None = None
    memory_budget: str | None = None

    def check(self) -> None:
        """Check the names, so that a typo does not cost a download.

        Raises:
            BadOptions: no such backend, precision, device or amount of memory, or an adapter for
                another backend than torch.
        """
        from ..backends.choose import backend_for_adapter, check_names
        from ..machine.amounts import parse_bytes

        backend = self.backend if self.adapter is None else backend_for_adapter(self.backend)
        check_names(backend, self.precision, self.device)
        if self.memory_budget is not None:
            parse_bytes(self.memory_budget)

    def loading(self) -> AbstractContextManager[Any]:
        """A spinner, where the hub's client shows no bars of its own: a spinner would hide them."""
        local = self.model == "embedded" or os.path.isdir(self.model)
        return working(f"loading {self.model}") if local else nullcontext()

    def load(self) -> SmolVLM:
        """Load it; raises what `SmolVLM.load` raises."""
        from ..engine.smolvlm import SmolVLM

        return SmolVLM.load(
            self.model,
            revision=self.revision,
            backend=self.backend,
            precision=self.precision,
            device=self.device,
            local_files_only=self.offline,
            adapter=self.adapter,
            memory_budget=self.memory_budget,
        )


def parse_resolution(text: str) -> Resolution:
    """Read "auto", "native" or a number.

    Raises:
        BadOptions: something else.
    """
    if text == "auto" or text == "native":
        return text
    try:
        return int(text)
    except ValueError:
        raise BadOptions(
            f"resolution {text!r} is not one",
            "Use auto, native or a number of tiles such as 2.",
        ) from None
