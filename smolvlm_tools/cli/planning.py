"""`smolvlm plan`: tiles and tokens before anything runs."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from ..checkpoint import open_checkpoint
from ..images import ImagePolicy
from ..pipeline import Reader
from ..request import Request, parse_task
from ..resolution import check_resolution
from ..tasks import task_messages
from ..types import GenerationOptions
from .console import clean, reserve_stdout
from .images import each_image, finish
from .options import parse_resolution


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
    known = parse_task(task) or "describe"
    wish = parse_resolution(resolution)
    with reserve_stdout() as answers:
        checkpoint = open_checkpoint(model, revision=revision, local_files_only=offline)
        chosen = check_resolution(wish, checkpoint.config.image)
        reader = Reader.open(checkpoint, ImagePolicy())

        def plan(image: str, source: str | bytes) -> dict[str, Any]:
            messages = task_messages(source, known, "?")
            request = Request(messages, GenerationOptions(), chosen, known)
            return reader.plan(request).model_dump(mode="json")

        entries = each_image(images, plan)
        named = [(n, e) for n, e in zip(images, entries, strict=True) if "error" not in e]
        if named and not as_json:
            answers.table(_table(named))
        finish(answers, entries, as_json)


def _table(named: list[tuple[str, dict[str, Any]]]) -> Table:
    table = Table("image", "pixels", "resized to", "grid", "tiles", "image tokens", "prompt tokens")
    for name, plan in named:
        image = plan["images"][0]
        table.add_row(
            escape(clean(name)),
            f"{image['width']}x{image['height']}",
            f"{image['resized_width']}x{image['resized_height']}",
            f"{image['rows']}x{image['cols']} + 1" if image["rows"] else "1",
            str(image["tiles"]),
            str(image["image_tokens"]),
            f"{plan['prompt_tokens']} of {plan['context_length']}",
        )
    return table
