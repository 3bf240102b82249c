"""The tables of `smolvlm plan`."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from ..machine.amounts import format_bytes
from ..memory.plan import LoadPlan
from .console import Answers, clean
from .images import Place

Plan = dict[str, Any]
"""A `RequestPlan` and what else the JSON has."""


def basis_of(seconds: Plan | None, model: str, device: str) -> str:
    """What seconds are computed from, or why there are none."""
    if seconds is not None:
        reply = f"a reply of {seconds['new_tokens']} tokens"
        return f"estimated from what `smolvlm tune` measured on this machine, for {reply}"
    if device != "cpu":
        return f"not measured; `smolvlm tune` measures on a CPU, not on {device}"
    return f"not measured; `smolvlm tune {model}` measures this machine"


def print_tables(answers: Answers, named: list[tuple[Place, Plan]]) -> None:
    """A row for each image; of the largest one all resolutions, and its memory."""
    answers.table(_images(named))
    largest = max((plan for _, plan in named), key=lambda plan: plan["prompt_tokens"])
    which = "" if len(named) == 1 else " of the image with most tokens"
    answers.table(_resolutions(largest, f"seconds at each --resolution{which}"))
    answers.prose(f"tokens: of the prompt; the model's context holds {largest['context_length']}")
    answers.prose(clean(f"seconds: {largest['seconds_basis']}"))
    planned = [LoadPlan.model_validate(e["memory"]) for _, e in named if "memory" in e]
    if planned:
        most = max(planned, key=lambda plan: plan.predicted_bytes)
        answers.table(_parts(most))
        answers.prose(_summary(most))
        for loss in most.given_up:
            answers.prose(f"given up for the budget: {loss}")


def _images(named: list[tuple[Place, Plan]]) -> Table:
    table = Table("image", "pixels", "resized to", "tiles", "tokens", "memory", "seconds")
    for place, plan in named:
        image = plan["images"][0]
        table.add_row(
            escape(place.name),
            f"{image['width']}x{image['height']}",
            _resized(image),
            f"{image['rows']}x{image['cols']} + 1" if image["rows"] else "1",
            f"{plan['prompt_tokens']}",
            _bytes(plan),
            "not measured" if plan["seconds"] is None else _seconds(plan, "total"),
        )
    return table


def _resolutions(plan: Plan, title: str) -> Table:
    table = Table(
        *("resolution", "resized to", "tiles", "tokens", "memory", "vision", "prefill", "decode"),
        title=title,
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for each in plan["resolutions"]:
        if "error" in each:
            table.add_row(each["resolution"], "does not fit")
            continue
        table.add_row(
            each["resolution"],
            _resized(each),
            f"{each['tiles']}",
            f"{each['prompt_tokens']}",
            _bytes(each),
            *(_seconds(each, stage) for stage in ("vision", "prefill", "decode")),
        )
    return table


def _resized(image: Plan) -> str:
    return f"{image['resized_width']}x{image['resized_height']}"


def _bytes(plan: Plan) -> str:
    return "?" if plan["predicted_bytes"] is None else format_bytes(plan["predicted_bytes"])


def _seconds(plan: Plan, stage: str) -> str:
    """Seconds of a stage; "-" where they are not measured, which a line below says."""
    seconds = plan["seconds"]
    if seconds is None:
        return "-"
    stages = [seconds[name] for name in ("vision", "prefill", "decode")]
    count = sum(stages) if stage == "total" else seconds[stage]
    return f"{count:.2g}" if count < 10 else f"{count:,.0f}"


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
