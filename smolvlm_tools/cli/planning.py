"""`smolvlm plan`: tiles and tokens before anything runs."""

from __future__ import annotations

from rich.table import Table

from ..checkpoint import open_checkpoint
from ..errors import BadOptions
from ..images import ImagePolicy
from ..pipeline import Reader
from ..request import Request
from ..resolution import check_resolution
from ..tasks import task_messages
from ..types import GenerationOptions, RequestPlan, Task
from .console import print_json, stdout
from .options import parse_resolution, read_source

TASKS: tuple[Task, ...] = ("describe", "ask", "transcribe")


def print_plans(
    images: list[str],
    model: str,
    revision: str | None,
    offline: bool,
    resolution: str,
    task: str,
    as_json: bool,
) -> None:
    """Plan each image and print a table row or a JSON object for it."""
    known = next((name for name in TASKS if name == task), None)
    if known is None:
        raise BadOptions(f"unknown task {task!r}", f"Use one of {', '.join(TASKS)}.")
    checkpoint = open_checkpoint(model, revision=revision, local_files_only=offline)
    chosen = check_resolution(parse_resolution(resolution), checkpoint.config.image)
    reader = Reader.open(checkpoint, ImagePolicy())
    plans = [
        reader.plan(
            Request(
                messages=task_messages(read_source(image), known, "?"),
                options=GenerationOptions(),
                resolution=chosen,
                task=known,
            )
        )
        for image in images
    ]
    if as_json:
        data = [plan.model_dump(mode="json") for plan in plans]
        print_json(data if len(data) > 1 else data[0])
    else:
        stdout.print(_table(images, plans))


def _table(names: list[str], plans: list[RequestPlan]) -> Table:
    table = Table("image", "pixels", "resized to", "grid", "tiles", "image tokens", "prompt tokens")
    for name, plan in zip(names, plans, strict=True):
        image = plan.images[0]
        table.add_row(
            name,
            f"{image.width}x{image.height}",
            f"{image.resized_width}x{image.resized_height}",
            f"{image.rows}x{image.cols} + 1" if image.rows else "1",
            str(image.tiles),
            str(image.image_tokens),
            f"{plan.prompt_tokens} of {plan.context_length}",
        )
    return table
