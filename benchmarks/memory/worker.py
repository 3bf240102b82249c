"""One row of the memory contract, in a process of its own; prints its figures as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.memory.rows import Row
from benchmarks.prompts import QUESTION, image_files
from smolvlm_tools.cache import CacheLimits
from smolvlm_tools.checkpoint import open_checkpoint
from smolvlm_tools.engine.loading import open_reader, plan_load, plan_model, this_process
from smolvlm_tools.engine.smolvlm import SmolVLM
from smolvlm_tools.errors import OutOfMemoryBudget, SmolVLMError
from smolvlm_tools.machine.meter import resident
from smolvlm_tools.memory.plan import LoadPlan
from smolvlm_tools.prompt.request import Request, parse_messages, parse_options

NEW_TOKENS = 48


def run(row: Row, folder: Path, images: Path) -> dict[str, Any]:
    """Plan, load and answer.

    Raises:
        SmolVLMError: whatever kept it from answering.
    """
    span = resident().start()
    found = image_files(images)
    conversations = [_conversation(row.files(found, n), n) for n in range(row.batch)]
    foreseen = None if row.budget else _foresee(row, folder, conversations[0])
    with SmolVLM.load(
        folder, backend=row.backend, precision=row.precision, memory_budget=_budget(row, folder)
    ) as vlm:
        plan = vlm.load_plan
        results = vlm.batch(
            conversations, max_new_tokens=NEW_TOKENS, ignore_eos=True, repetition_guard=False
        )
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


def _conversation(files: Sequence[Path], number: int) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"type": "image", "image": str(path)} for path in files]
    text = f"Question {number}: {QUESTION}" if number else QUESTION
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def _foresee(row: Row, folder: Path, messages: list[dict[str, Any]]) -> LoadPlan:
    """The plan of the whole process, before anything is loaded into it."""
    reader = open_reader(open_checkpoint(folder), None, CacheLimits())
    process = this_process()
    options = parse_options({"max_new_tokens": NEW_TOKENS})
    request = Request(parse_messages(messages), options, "auto")
    return plan_load(
        reader,
        request,
        reader.lay_out(request),
        backend=row.backend,
        precision=row.precision,
        batch=row.batch,
        process=process,
    )


def _budget(row: Row, folder: Path) -> int | str | None:
    """What the row says; for "smallest", the figure that a budget too small is answered with."""
    if row.budget != "smallest":
        return row.budget or None
    try:
        plan_model(folder, backend=row.backend, precision=row.precision, memory_budget="1MB")
    except OutOfMemoryBudget as error:
        return error.needed_bytes
    raise AssertionError("a megabyte is never enough")


def main(arguments: Sequence[str]) -> int:
    """Print the figures, or `{"error": text}`."""
    folder, images, row = arguments
    try:
        found = run(Row(**json.loads(row)), Path(folder), Path(images))
    except SmolVLMError as error:
        found = {"error": str(error)}
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
