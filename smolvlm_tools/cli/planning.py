"""`smolvlm plan`: tiles, tokens and bytes before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..cache import CacheLimits
from ..checkpoint import open_checkpoint
from ..engine.loading import largest_request, open_reader, plan_load, this_process
from ..errors import ModelNotFound
from ..machine.amounts import format_bytes, parse_bytes
from ..memory.plan import LoadPlan, Process
from ..prompt.layout import Layout, Reader
from ..prompt.request import Request, parse_options, parse_task
from ..prompt.resolution import check_resolution
from ..prompt.tasks import task_messages
from ..types import Resolution
from .console import Answers, clean, note, reserve_stdout
from .images import each_image, finish
from .options import ModelChoice, parse_resolution


@dataclass(frozen=True, slots=True)
class Wish:
    """What would be asked of each image."""

    resolution: str
    task: str
    max_new_tokens: int | None
    batch: int


def print_plans(images: list[str], choice: ModelChoice, wish: Wish, as_json: bool) -> None:
    """Plan each image and print a table row or a JSON object for it.

    Raises:
        OutOfMemoryBudget: the model does not fit with any image.
    """
    choice.check()
    task = parse_task(wish.task) or "describe"
    resolution = parse_resolution(wish.resolution)
    limits = {} if wish.max_new_tokens is None else {"max_new_tokens": wish.max_new_tokens}
    options = parse_options(limits)
    with reserve_stdout() as answers:
        checkpoint = open_checkpoint(
            choice.model, revision=choice.revision, local_files_only=choice.offline
        )
        chosen = check_resolution(resolution, checkpoint.config.image)
        reader = open_reader(checkpoint, None, CacheLimits())
        process = this_process()
        loaded = _plan_loading(reader, chosen, choice, process)
        if loaded is not None:
            reader = replace(reader, max_side=loaded.max_side)

        def plan(image: str, source: str | bytes) -> dict[str, Any]:
            request = Request(task_messages(source, task, "?"), options, chosen, task)
            if loaded is None:
                return reader.describe(reader.lay_out(request)).model_dump(mode="json")
            layout, own = _plan_request(reader, request, loaded, wish.batch, process)
            entry = reader.describe(layout, own.predicted_bytes).model_dump(mode="json")
            return entry | {"memory": own.model_dump(mode="json")}

        entries = each_image(images, plan)
        named = [(n, e) for n, e in zip(images, entries, strict=True) if "error" not in e]
        if named and not as_json:
            _print_tables(answers, named)
        finish(answers, entries, as_json)


def _plan_loading(
    reader: Reader, resolution: Resolution, choice: ModelChoice, process: Process
) -> LoadPlan | None:
    """How the model would be loaded; None, and a word why, where nothing here could run it.

    Raises:
        OutOfMemoryBudget: it does not fit.
        ModelNotFound: what was chosen cannot run.
    """
    budget = None if choice.memory_budget is None else parse_bytes(choice.memory_budget)
    try:
        return plan_load(
            reader,
            *largest_request(reader, resolution),
            backend=choice.backend,
            precision=choice.precision,
            device=choice.device,
            budget=budget,
            process=process,
        )
    except ModelNotFound as error:
        if budget or {choice.backend, choice.precision, choice.device} != {"auto"}:
            raise
        note(f"memory is not predicted: {error}")
        return None


def _plan_request(
    reader: Reader, request: Request, loaded: LoadPlan, batch: int, process: Process
) -> tuple[Layout, LoadPlan]:
    """How a request would be cut by a model so loaded, and what it would take.

    Raises:
        OutOfMemoryBudget: it does not fit.
    """
    layout = reader.lay_out(request)
    own = plan_load(
        reader,
        request,
        layout,
        backend=loaded.backend,
        precision=loaded.precision_name,
        device=loaded.device,
        caches=loaded.cache,
        batch=batch,
        budget=loaded.budget_bytes,
        process=process,
    )
    if own.max_side is not None:
        layout = reader.cut(request, layout.images, own.max_side)
    return layout, own.model_copy(update={"given_up": loaded.given_up + own.given_up})


def _print_tables(answers: Answers, named: list[tuple[str, dict[str, Any]]]) -> None:
    answers.table(_tiles(named))
    planned = [LoadPlan.model_validate(e["memory"]) for _, e in named if "memory" in e]
    if planned:
        largest = max(planned, key=lambda plan: plan.predicted_bytes)
        answers.table(_parts(largest))
        answers.line(_summary(largest))
        for loss in largest.given_up:
            answers.line(f"given up for the budget: {loss}")


def _tiles(named: list[tuple[str, dict[str, Any]]]) -> Table:
    table = Table(
        "image", "pixels", "resized to", "grid", "tiles", "image tokens", "prompt tokens", "memory"
    )
    for name, plan in named:
        image = plan["images"][0]
        memory = plan["predicted_bytes"]
        table.add_row(
            escape(clean(name)),
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
