"""`smolvlm pull`: downloads a model before it is needed."""

from __future__ import annotations

from ..backends.registry import spec_of
from ..engine.planner import Planner
from ..machine.amounts import format_bytes
from .console import reserve_stdout
from .options import ModelChoice


def pull(choice: ModelChoice, *, as_json: bool) -> None:
    """Fetch what `SmolVLM.load` would load here, and say where it is."""
    choice.check()
    with reserve_stdout() as answers:
        planner = Planner.open(choice.model, **choice.keywords)
        plan, checkpoint = planner.load_plan, planner.layouter.checkpoint
        spec_of(plan.backend).fetch(checkpoint, plan.precision)
        size = checkpoint.bytes_here
        if as_json:
            answers.json(
                {
                    "model": checkpoint.id,
                    "revision": checkpoint.revision,
                    "folder": str(checkpoint.folder),
                    "backend": plan.backend,
                    "precision": plan.precision_name,
                    "bytes": size,
                }
            )
        else:
            answers.prose(
                f"{checkpoint.id} is here for {plan.backend} {plan.precision_name}, "
                f"{format_bytes(size)}: {checkpoint.folder}"
            )
