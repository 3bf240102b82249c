"""The options of `smolvlm ingest`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import BadOptions
from .options import MaxNewTokens, ResolutionOption, parse_resolution

if TYPE_CHECKING:
    from ..ingest import Reading, Wish
    from ..ingest.on_ray import Cluster


@dataclass(frozen=True, slots=True)
class WishOptions:
    """What to find out about every page."""

    tasks: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Some of transcription, caption (of a page that is looked at) and pictures "
            "(captions of those in it), separated by commas.",
        ),
    ] = "transcription,caption,pictures"
    look: Annotated[
        bool,
        typer.Option(
            "--look",
            help="Also look at pages whose text comes from their text layer: caption them and "
            "their pictures.",
        ),
    ] = False
    text: Annotated[
        str,
        typer.Option(
            metavar="FROM",
            help="Where transcriptions come from: auto (the text layer where it can be trusted, "
            "else the model), layer, model, or both.",
        ),
    ] = "auto"
    questions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Questions about every page; see `smolvlm ask --help`."),
    ] = None
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON Schema of fields to fill in from every page."),
    ] = None
    detail: Annotated[
        str, typer.Option(metavar="NAME", help="Of captions: brief, normal or detailed.")
    ] = "normal"
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="Of transcriptions: plain or markdown.")
    ] = "plain"
    resolution: ResolutionOption = "auto"
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMES",
            help="Frames of every window of a video: at most N, a rate such as 2fps, or scenes.  "
            r"\[default: 1fps, at most 64]",
        ),
    ] = None
    max_new_tokens: MaxNewTokens = None
    check: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Have ocr (RapidOCR) or tesseract read what the model transcribes, too: records "
            "say what both agree on, and where it stands.",
        ),
    ] = None
    source: Annotated[
        str,
        typer.Option(
            metavar="WHOSE",
            help="With --check, whose transcription: model, ocr, or best of both, word by word.",
        ),
    ] = "model"
    min_agreement: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="With --check, hold back transcriptions of a lower agreement, 0 to 1.",
        ),
    ] = None

    def wish(self) -> Wish:
        """What they say.

        Raises:
            BadOptions, BadPrompt, SchemaNotSupported: it makes no sense.
        """
        from ..ingest import Wish
        from .questions_file import read_object, read_questions

        schema = None
        if self.schema is not None:
            schema = read_object(self.schema, "Give a file with a JSON Schema as an object.")
        options: dict[str, Any] = {"resolution": parse_resolution(self.resolution)}
        if self.frames is not None:
            options["frames"] = self.frames
        if self.max_new_tokens is not None:
            options["max_new_tokens"] = self.max_new_tokens
        return Wish(
            tasks=tuple(name.strip() for name in self.tasks.split(",") if name.strip()),
            look=self.look,
            text=cast("Any", self.text),
            questions=read_questions(self.questions) if self.questions else {},
            schema=schema,
            detail=cast("Any", self.detail),
            layout=cast("Any", self.layout),
            options=cast("Any", options),
            check=cast("Any", self.check),
            source=cast("Any", self.source),
            min_agreement=self.min_agreement,
        )


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How files are read, and how the run is shown."""

    ledger: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=r"What remembers what is done.  \[default: OUT.ledger]"),
    ] = None
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Try again what failed in an earlier run.")
    ] = False
    password: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="SMOLVLM_PDF_PASSWORD",
            help="Of encrypted PDF files; in the environment no other process sees it.",
        ),
    ] = None
    max_bytes: Annotated[
        str, typer.Option(metavar="BYTES", help="Files that are larger are refused.")
    ] = "200MB"
    max_pages: Annotated[
        int, typer.Option(metavar="N", min=1, help="Documents with more are refused.")
    ] = 1000
    window: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Look at videos, too, in parts of this length: 30s or 1:30. Each has a record.",
        ),
    ] = None
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Processes that read files ahead of the model."),
    ] = 2
    page_seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="A page that takes longer to read is an error."),
    ] = 18.0
    quiet: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Instead of a progress bar, print a JSON line every N pages."
        ),
    ] = None

    def reading(self) -> Reading:
        """How files are read, as they say.

        Raises:
            BadOptions: an impossible amount.
        """
        from ..images import ImagePolicy
        from ..ingest import Reading
        from ..machine.amounts import parse_bytes
        from ..pages.worker import WorkerLimits

        if self.page_seconds < 1:
            raise BadOptions(f"--page-seconds {self.page_seconds:g} is too short", "Use 1 or more.")
        cpu = int(self.page_seconds) + 1
        return Reading(
            policy=ImagePolicy(max_bytes=parse_bytes(self.max_bytes)),
            password=self.password,
            max_pages=self.max_pages,
            window=self.window,
            workers=self.workers,
            limits=WorkerLimits(seconds=self.page_seconds, cpu_seconds=cpu),
        )


@dataclass(frozen=True, slots=True)
class WhereOptions:
    """Which machines do the work."""

    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="local: this machine, or ray: a Ray cluster (extra ray)."
        ),
    ] = "local"
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help=r"Of a running cluster; auto on one of its nodes.  \[default: RAY_ADDRESS, else "
            "a cluster is started on this machine]",
        ),
    ] = None
    ray_workers: Annotated[
        str | None,
        typer.Option(
            metavar="MIN:MAX",
            help=r"Fewest and most engines.  \[default: 1 to what the cluster has room for]",
        ),
    ] = None
    ray_cpus: Annotated[
        float | None, typer.Option(metavar="N", help=r"CPUs of each engine.  \[default: 1]")
    ] = None
    ray_gpus: Annotated[
        float | None, typer.Option(metavar="N", help=r"GPUs of each engine.  \[default: 0]")
    ] = None

    def cluster(self) -> Cluster | None:
        """The cluster; None for this machine.

        Raises:
            BadOptions: something of it makes no sense.
        """
        given = [
            f"--ray-{name}"
            for name in ("address", "workers", "cpus", "gpus")
            if getattr(self, f"ray_{name}") is not None
        ]
        if self.engine not in ("local", "ray"):
            raise BadOptions(f"unknown engine {self.engine!r}", "Use local or ray.")
        if self.engine == "local":
            if given:
                raise BadOptions(f"{given[0]} needs --engine ray", "Add it, or leave this out.")
            return None
        from ..ingest.on_ray import Cluster

        return Cluster(
            self.ray_address,
            workers=_range(self.ray_workers) if self.ray_workers is not None else (1, None),
            num_cpus=1 if self.ray_cpus is None else self.ray_cpus,
            num_gpus=0 if self.ray_gpus is None else self.ray_gpus,
        )


def _range(text: str) -> tuple[int, int | None]:
    """Read "2:8", "2:" or "4"."""
    fewest, colon, most = text.partition(":")
    try:
        return int(fewest), (int(most) if most else None) if colon else int(fewest)
    except ValueError:
        raise BadOptions(f"{text!r} is no range of engines", "Write 2:8, 2: or 4.") from None


@dataclass(frozen=True, slots=True)
class Options:
    """All that is said of a run besides the model."""

    wish: WishOptions
    run: RunOptions
    where: WhereOptions
