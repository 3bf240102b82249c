"""`smolvlm plan`: tiles, tokens and bytes before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..cache import CacheLimits
from ..checkpoint import open_checkpoint
from ..engine.planner import LoadOptions, Planner, open_layouter
from ..errors import ModelNotFound, SmolVLMError
from ..images import EncodedImage
from ..machine.amounts import format_bytes
from ..memory.plan import LoadPlan
from ..prompt.layout import RequestLayouter
from ..prompt.request import Request, parse_options
from ..prompt.resolution import check_resolution
from ..prompt.tasks import parse_task, task_messages
from ..types import Resolution
from .console import Answers, note, reserve_stdout
from .entries import Entries, Form
from .images import Place, each_page
from .options import ModelChoice, parse_resolution
from .page_options import PageOptions
from .wording import in_flags


@dataclass(frozen=True, slots=True)
class Wish:
    """What would be asked of each image."""

    resolution: str
    task: str
    max_new_tokens: int | None
    batch: int


def print_plans(
    images: list[str], pages: PageOptions, choice: ModelChoice, wish: Wish, form: Form
) -> None:
    """Plan each image or page and print a table row or a JSON object for it."""
    choice.check()
    task = parse_task(wish.task) or "describe"
    limits = {} if wish.max_new_tokens is None else {"max_new_tokens": wish.max_new_tokens}
    options = parse_options(limits)
    with reserve_stdout() as answers:
        resolution = parse_resolution(wish.resolution)
        found = each_page(images, pages)
        layouter, planner = _open(choice, resolution)
        chosen = check_resolution(resolution, layouter.checkpoint.config.image)

        def plan(source: EncodedImage) -> dict[str, Any]:
            request = Request(task_messages(source, task, "?"), options, chosen, task)
            if planner is None:
                return layouter.describe(layouter.lay_out(request)).model_dump(mode="json")
            found, memory = planner.plan(request, wish.batch)
            return found.model_dump(mode="json") | {"memory": memory.model_dump(mode="json")}

        entries = Entries(answers, form)
        named: list[tuple[Place, dict[str, Any]]] = []
        with entries.kept():
            for place, source in found:
                if isinstance(source, SmolVLMError):
                    entries.fail(place, source)
                elif planned := entries.take(place, partial(plan, source)):
                    named.append((place, planned))
        if named and form == "text":
            _print_tables(answers, named)
        entries.finish()


def _open(choice: ModelChoice, resolution: Resolution) -> tuple[RequestLayouter, Planner | None]:
    """What plans requests. Without a planner, and a note why, where nothing can run the model.

    Raises:
        ModelNotFound: there is no such model, or what was chosen cannot run it.
    """
    options: LoadOptions = {**choice.keywords, "resolution": resolution}
    try:
        planner = Planner.open(choice.model, **options)
    except ModelNotFound as error:
        pinned = {choice.backend, choice.precision, choice.device} != {"auto"}
        if choice.memory_budget or choice.adapter or pinned:
            raise
        checkpoint = open_checkpoint(
            choice.model, revision=choice.revision, local_files_only=choice.offline
        )
        note(f"memory is not predicted: {in_flags(error)}")
        return open_layouter(checkpoint, None, CacheLimits()), None
    return planner.layouter, planner


def _print_tables(answers: Answers, named: list[tuple[Place, dict[str, Any]]]) -> None:
    answers.table(_tiles(named))
    planned = [LoadPlan.model_validate(e["memory"]) for _, e in named if "memory" in e]
    if planned:
        largest = max(planned, key=lambda plan: plan.predicted_bytes)
        answers.table(_parts(largest))
        answers.line(_summary(largest))
        for loss in largest.given_up:
            answers.line(f"given up for the budget: {loss}")


def _tiles(named: list[tuple[Place, dict[str, Any]]]) -> Table:
    table = Table(
        "image", "pixels", "resized to", "grid", "tiles", "image tokens", "prompt tokens", "memory"
    )
    for place, plan in named:
        image = plan["images"][0]
        memory = plan["predicted_bytes"]
        table.add_row(
            escape(place.name),
            f"{image['width']}x{image['height']}",
            f"{image['resized_width']}x{image['resized_height']}",
            f"{image['rows']}x{image['cols']} + 1" if image["rows"] else "1",
            str(image["tiles"]),
            str(image["image_tokens"]),
            f"{plan['prompt_tokens']} of {plan['context_length']}",
            "?" if memory is None else format_bytes(memory),
        )
    return table


def _parts(plan: LoadPlan) -> Table:
    """Bytes by part beside bytes by stage."""
    table = Table("memory by part", "bytes", "at its most while", "bytes")
    table.columns[1].justify = table.columns[3].justify = "right"
    parts = [(name, format_bytes(count)) for name, count in plan.parts.items() if count]
    stages = [(name, format_bytes(count)) for name, count in plan.stages.items()]
    stages += [("", "")] * (len(parts) - len(stages))
    for part, stage in zip(parts, stages, strict=False):
        table.add_row(*part, *stage)
    return table


def _summary(plan: LoadPlan) -> str:
    budget = "" if plan.budget_bytes is None else f" of {format_bytes(plan.budget_bytes)}"
    together = f", {plan.batch} together" if plan.batch > 1 else ""
    return (
        f"{format_bytes(plan.predicted_bytes)}{budget}: {plan.model}, {plan.backend} "
        f"{plan.precision_name} on {plan.device}, {plan.context} tokens of context{together}, "
        f"caches up to {format_bytes(plan.cache.total)}"
    )
