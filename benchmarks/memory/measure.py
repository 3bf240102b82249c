"""Measures one row of the memory contract; needs a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.memory.rows import Row
from benchmarks.prompts import QUESTION, conversation, exactly, image_files
from smolvlm_tools.engine.loading import plan_model
from smolvlm_tools.engine.planner import Planner
from smolvlm_tools.engine.smolvlm import SmolVLM
from smolvlm_tools.errors import OutOfMemoryBudget
from smolvlm_tools.machine.meter import resident
from smolvlm_tools.memory.plan import LoadPlan
from smolvlm_tools.prompt.request import Request, parse_messages, parse_options

NEW_TOKENS = 48


def answer_row(row: dict[str, Any], folder: str, images: str) -> dict[str, Any]:
    """Plan, load and answer; the fields of a `Result`."""
    asked, place, found = Row(**row), Path(folder), image_files(Path(images))
    span = resident().start()
    conversations = [
        conversation(f"Question {n}: {QUESTION}" if n else QUESTION, asked.files(found, n))
        for n in range(asked.batch)
    ]
    foreseen = None if asked.budget else _foresee(asked, place, conversations[0])
    with SmolVLM.load(
        place, backend=asked.backend, precision=asked.precision, memory_budget=_budget(asked, place)
    ) as vlm:
        plan = vlm.load_plan
        results = vlm.batch(conversations, **exactly(NEW_TOKENS))
    measured = span.end()
    assert plan is not None
    predicted = [plan.stages["load"], *(each.usage.predicted_bytes or 0 for each in results)]
    return {
        "predicted": max(predicted) if foreseen is None else foreseen.predicted_bytes,
        "measured": measured,
        "budget": plan.budget_bytes,
        "stages": plan.stages if foreseen is None else foreseen.stages,
        "ran": f"{plan.backend} {plan.precision_name}, {results[0].usage.tiles} tiles",
    }


def _foresee(row: Row, folder: Path, messages: list[dict[str, Any]]) -> LoadPlan:
    """Plan the whole process, before anything is loaded into it."""
    planner = Planner.open(folder, backend=row.backend, precision=row.precision)
    options = parse_options({"max_new_tokens": NEW_TOKENS})
    return planner.plan(Request(parse_messages(messages), options, "auto"), row.batch)[1]


def _budget(row: Row, folder: Path) -> int | str | None:
    """The row's budget; "smallest" is the figure that the error of a budget too small names."""
    if row.budget != "smallest":
        return row.budget or None
    try:
        plan_model(folder, backend=row.backend, precision=row.precision, memory_budget="1MB")
    except OutOfMemoryBudget as error:
        return error.needed_bytes
    raise AssertionError("a megabyte is never enough")
