"""Which precision each component of the ONNX files runs in.

Components that are not named (`backends.precision` says how they are), and "auto", take what `AUTO`
says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from ...errors import BadOptions, ModelNotFound
from ...machine.cpu import CpuFeatures
from ..precision import Precision, read_parts
from .files import EXPORTED, PARTS, STATIC, SUFFIXES, available_precisions, component_file

logger = logging.getLogger(__name__)

ComponentPrecisions: TypeAlias = dict[str, str]
"""The precision of every key of `PARTS`."""

AUTO: Mapping[str, str] = {"vision": "int8", "embed": "int8", "decoder": "int8"}
"""What "auto" takes on a CPU where the checkpoint has it, else the most exact file there is: by
measurement, see docs/adr."""

PRODUCER = b"\x12\x0dsmolvlm-tools"
"""`producer_name` in a ModelProto of `smolvlm export`: field 2, 13 bytes. Second in the file."""


def parse_precision(asked: Precision) -> ComponentPrecisions:
    """The precision asked for each component, "auto" where none was named."""
    plan = read_parts(asked, tuple(PARTS), (*SUFFIXES, STATIC), "onnx")
    if STATIC in (plan["embed"], plan["decoder"]):
        raise BadOptions(
            f"only the vision tower can be {STATIC}", f"Use `precision='vision={STATIC}'`."
        )
    return plan


def choose_plan(
    files: Iterable[str],
    asked: Precision,
    checkpoint: str,
    trusted: Callable[[str], bool] = lambda name: True,
    *,
    static: bool = False,
) -> ComponentPrecisions:
    """What to load: what is asked for, never something else in its place.

    Args:
        trusted: whether "auto" may take this int8 vision file; see `int8_vision_is_exact`.
        static: whether the backend can run a tower in `STATIC`. "auto" never takes it: it is good
            at what resembles the images it was measured on.

    Raises:
        BadOptions: no such precision or component exists, or the backend cannot run it.
        ModelNotFound: it exists, but not in this checkpoint.
    """
    wanted, present = parse_precision(asked), frozenset(files)
    plan: ComponentPrecisions = {}
    for part, precision in wanted.items():
        have = [name for name in SUFFIXES if component_file(PARTS[part], name) in present]
        if precision == "auto":
            if part == "vision" and not trusted(component_file(PARTS[part], "int8")):
                if have == ["int8"]:
                    raise ModelNotFound(
                        f"{checkpoint} has no vision file but int8, and not one of `smolvlm "
                        "export`: this CPU would compute it with errors of up to 40 %",
                        "Export the checkpoint, or ask for precision int8 if that will do.",
                    )
                have = [name for name in have if name != "int8"]
            precision = AUTO[part] if AUTO[part] in have else next(iter(have), "auto")
        if precision == STATIC and not static:
            raise BadOptions(
                f"the onnx backend cannot run a vision tower in {STATIC}",
                "Use backend openvino for it, or another precision.",
            )
        if component_file(PARTS[part], STATIC) in present:
            have.append(STATIC)
        if precision not in have:
            raise _missing(present, wanted, part, have, checkpoint)
        plan[part] = precision
    logger.info("%s: precision %s for %s", checkpoint, describe_plan(plan), asked)
    return plan


def describe_plan(plan: Mapping[str, str]) -> str:
    """One name where all components share it, else "vision=int8,embed=int8,decoder=q4"."""
    names = set(plan.values())
    return names.pop() if len(names) == 1 else ",".join(f"{k}={v}" for k, v in plan.items())


def int8_vision_is_exact(path: Path, cpu: CpuFeatures) -> bool:
    """Whether a CPU computes the int8 vision graph at `path` as it was meant.

    Foreign files use all of int8 beside uint8 activations, which a CPU that saturates gets wrong by
    up to 40 %. `smolvlm export` keeps to a range that fits (`export.graph.INT8_LIMIT`).
    """
    return not cpu.saturates_int8 or (path.is_file() and is_own_export(path))


def is_own_export(path: Path) -> bool:
    """Whether `smolvlm export` wrote the graph at `path`, by its `producer_name`."""
    with path.open("rb") as file:
        return PRODUCER in file.read(64)


def _missing(
    files: frozenset[str], wanted: ComponentPrecisions, part: str, have: list[str], checkpoint: str
) -> ModelNotFound:
    asked = wanted[part]
    whole = len(set(wanted.values())) == 1
    present = available_precisions(files) if whole else tuple(have)
    remedies = [f"Choose {' or '.join(present)}."] if present else []
    if asked == STATIC:
        remedies.append("Run `smolvlm export CHECKPOINT --out DIR --images FOLDER`.")
    if asked == "auto" or asked in EXPORTED:
        name = "fp32" if asked == "auto" else asked
        remedies.append(f"Run `smolvlm export CHECKPOINT --out DIR --precision {name}`.")
    listed = f"it has {', '.join(present)}" if present else "it has none at all"
    kind = "" if asked == "auto" else f"{asked} "
    what = f"{kind}ONNX files" if whole else f"{kind}{part} file"
    return ModelNotFound(
        f"{checkpoint} has no {what} ({listed})",
        " ".join(remedies) or "Use a checkpoint that ships it.",
    )
