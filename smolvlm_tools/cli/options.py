"""The options that several commands share; `command` turns the dataclasses' fields into options."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ..errors import BadOptions
from .console import working

if TYPE_CHECKING:
    from ..engine.planner import LoadOptions
    from ..engine.smolvlm import SmolVLM
    from ..types import Resolution

_IMAGE = typer.Argument(
    metavar="IMAGE",
    help="Path, http(s) URL or data URI; - reads standard input. Several are answered in turn, and "
    "so are the pages of a document (PDF, TIFF, animation).",
)
Images: TypeAlias = Annotated[list[str], _IMAGE]
SomeImages: TypeAlias = Annotated[list[str] | None, _IMAGE]
"""For a command that says itself that one is missing."""
Revision: TypeAlias = Annotated[
    str | None, typer.Option(metavar="REV", help="Branch, tag or commit on the hub.")
]
Backend: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="onnx, openvino, torch, or auto: torch on a GPU, else onnx. remote: a server, see "
        "--base-url.",
    ),
]
Device: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")]
ResolutionOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--resolution",
        "-r",
        metavar="R",
        help="auto (no finer than the image needs), native (as transformers does), or the number "
        "of tiles along the longest edge. More tiles show finer print and take longer.",
    ),
]
MaxNewTokens: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help=r"Longest reply, in tokens.  \[default: 512; transcribe: as long as the page]",
    ),
]
Context: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Text around the image, such as its caption; the model reads it before the task.",
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON and nothing else: an object, or a list for several images or pages.",
    ),
]
Jsonl: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--jsonl", help="Print a line of JSON for each image or page, as soon as it is done."
    ),
]
Offline: TypeAlias = Annotated[
    bool, typer.Option("--offline", help="Never download; use what is on this machine.")
]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, and what runs it."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            envvar="SMOLVLM_MODEL",
            help="Alias (see `smolvlm models`), hub id, or folder. "
            "'embedded' ships with the package and needs no download.",
        ),
    ] = "256m"
    revision: Revision = None
    backend: Backend = "auto"
    precision: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto, fp32, bf16, fp16, int8, q4, …: whatever the model's files offer; torch "
            "also takes bnb-nf4 and the others that `smolvlm quantize` lists. Or one for each "
            "component: vision=int8,decoder=q4",  # with a full stop 80 columns would cut it
        ),
    ] = "auto"
    device: Device = "auto"
    adapter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="LoRA adapter to merge into the weights: a folder that peft saved, or a hub id "
            "(owner/name, owner/name@revision). Runs on the torch backend.",
        ),
    ] = None
    memory_budget: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES",
            help="Most memory to use, such as 900MB or 1GB: by the whole process on a CPU, by the "
            "allocator on a GPU. A request that does not fit is refused before it runs.",
        ),
    ] = None
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What `smolvlm calibrate` wrote; every confidence goes through it."
        ),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Of an OpenAI-compatible server that runs the model, with --backend remote, such "
            "as http://host:8000/v1; else $SMOLVLM_BASE_URL. Its key: $SMOLVLM_API_KEY.",
        ),
    ] = None
    offline: Offline = False

    def check(self) -> None:
        """Check the names, so that a typo does not cost a download.

        Raises:
            BadOptions: an unknown backend, precision, device or amount of memory, an adapter for a
                backend other than torch, or a file that is not a calibration; what is said about a
            server that is not asked, or about weights that it has.
        """
        from ..decoding.calibration import Calibration
        from ..engine.planner import LoadWish
        from ..engine.remote.settings import (
            RemoteSettings,
            refuse_local_options,
            refuse_remote_options,
        )

        if self.is_remote:
            refuse_local_options({**self.keywords, "calibration": self.calibration})
            RemoteSettings.of(self.model, self.base_url)
            return
        refuse_remote_options({"base_url": self.base_url})
        LoadWish.of(self.keywords)
        if self.calibration is not None:
            Calibration.read(self.calibration)

    @property
    def is_remote(self) -> bool:
        """Whether a server runs the model."""
        return self.backend == "remote"

    @property
    def keywords(self) -> LoadOptions:
        """What `SmolVLM.load` and `Planner.open` get besides the name."""
        return {
            "revision": self.revision,
            "backend": self.backend,
            "precision": self.precision,
            "device": self.device,
            "local_files_only": self.offline,
            "adapter": self.adapter,
            "memory_budget": self.memory_budget,
        }

    @property
    def load_options(self) -> dict[str, Any]:
        """All that `SmolVLM.load` gets besides the name."""
        return {
            **self.keywords,
            "calibration": self.calibration,
            "base_url": self.base_url,
        }

    def load(self, **more: Any) -> SmolVLM:
        """Load it, with more options of `SmolVLM.load`; raises what that raises."""
        from ..engine.smolvlm import SmolVLM

        # The hub's client shows progress bars, which a spinner would hide.
        local = self.is_remote or self.model == "embedded" or os.path.isdir(self.model)
        with working(f"loading {self.model}") if local else nullcontext():
            return SmolVLM.load(self.model, **self.load_options, **more)


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How images are answered, and how the answers are shown."""

    resolution: ResolutionOption = "auto"
    max_new_tokens: MaxNewTokens = None
    min_confidence: Annotated[
        float | None,
        typer.Option(metavar="P", help="Withhold answers whose confidence is below P (0–1)."),
    ] = None
    min_field_confidence: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Make fields null whose confidence is below P (0–1); those that the schema does "
            "not allow to be null are named on stderr.",
        ),
    ] = None
    on_incomplete: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What to do where a typed answer is cut or not valid, or any is unsure: raise "
            "(exit code 6), abstain (print nothing, exit code 0), or complete (end a cut answer in "
            "the shortest valid way; otherwise as raise).",
        ),
    ] = "raise"
    as_json: Json = False
    as_jsonl: Jsonl = False
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            help="Print words as they come.  "
            r"\[default: when stdout is a terminal and no confidence is asked for]",
        ),
    ] = None

    @property
    def withholds(self) -> bool:
        """Whether words may turn out to be unsure, which is known once they are all there."""
        return self.min_confidence is not None or self.min_field_confidence is not None

    @property
    def may_abstain(self) -> bool:
        """Whether an answer without a value counts as a success."""
        return self.on_incomplete == "abstain"

    @property
    def in_json(self) -> bool:
        """Whether stdout is for programs."""
        return self.as_json or self.as_jsonl

    def streams(self, is_terminal: bool) -> bool:
        """Whether words are printed as they come."""
        if self.stream is not None:
            return self.stream
        return is_terminal and not self.in_json and not self.withholds

    def for_engine(self) -> dict[str, Any]:
        """The engine's options, checked as far as possible without a model.

        Raises:
            BadOptions: an impossible value, or --stream where it cannot be.
        """
        from ..prompt.request import check_options

        if self.in_json and self.stream:
            form = "--json" if self.as_json else "--jsonl"
            raise BadOptions(f"{form} and --stream exclude each other", "Leave one of them out.")
        if self.withholds and self.stream:
            raise BadOptions("--stream would show words that are withheld later", "Leave it out.")
        options: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "min_confidence": self.min_confidence,
            "min_field_confidence": self.min_field_confidence,
            "on_incomplete": self.on_incomplete,
        }
        options = {name: value for name, value in options.items() if value is not None}
        check_options(options)
        if self.on_incomplete == "raise":  # the command does: an engine would keep the result
            del options["on_incomplete"]
        return {"resolution": parse_resolution(self.resolution), **options}


def parse_resolution(text: str) -> Resolution:
    """Read "auto", "native" or a number."""
    if text == "auto" or text == "native":
        return text
    try:
        return int(text)
    except ValueError:
        raise BadOptions(
            f"{text!r} is not a resolution", "Use auto, native or a number of tiles such as 2."
        ) from None
