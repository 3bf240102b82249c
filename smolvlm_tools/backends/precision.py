"""How a precision is asked for: one name for all components, or one each.

A precision is one name ("int8"), a mapping ({"vision": "int8", "decoder": "q4"}) or the same in
text ("vision=int8,decoder=q4").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from ..errors import BadOptions

Precision: TypeAlias = str | Mapping[str, str]
"""One name for all components, or one for each of some."""


def is_mixed(asked: Precision) -> bool:
    """Whether components are named."""
    return not isinstance(asked, str) or "=" in asked


def read_parts(
    asked: Precision, parts: Sequence[str], known: Collection[str], backend: str
) -> dict[str, str]:
    """The precision asked for each of `parts`, "auto" where none was named.

    Args:
        asked: see the module.
        parts: the backend's components.
        known: its precisions.
        backend: what messages call it.

    Raises:
        BadOptions: no such component or precision.
    """
    if isinstance(asked, str):
        pairs = _read_pairs(asked) if "=" in asked else [(part, asked) for part in parts]
    else:
        pairs = list(asked.items())
    plan = dict.fromkeys(parts, "auto")
    named: set[Any] = set()
    for part, precision in pairs:
        if part not in parts or part in named:
            raise BadOptions(
                f"precision {asked!r} names {'' if part in named else 'an unknown '}component "
                f"{part!r}{' twice' if part in named else ''}",
                f"Use {', '.join(parts)}, as in 'vision={_example(known)},decoder=q4'.",
            )
        if precision != "auto" and precision not in known:
            raise BadOptions(
                f"the {backend} backend has no precision {precision!r}",
                f"Use one of: auto, {', '.join(known)}.",
            )
        plan[part] = precision
        named.add(part)
    return plan


def _read_pairs(text: str) -> list[tuple[str, str]]:
    """Pairs of "vision=int8,decoder=q4"."""
    pairs = (item.partition("=") for item in text.split(","))
    return [(part.strip(), precision.strip()) for part, _, precision in pairs]


def _example(known: Collection[str]) -> str:
    return "bf16" if "bf16" in known else "int8"
