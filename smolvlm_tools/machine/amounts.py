"""Amounts of memory as text: "900MB", "1.5 GB", "0.5GiB"."""

from __future__ import annotations

import math
import re

from ..errors import BadOptions

_DECIMAL = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
UNITS = _DECIMAL | _BINARY

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_bytes(amount: object) -> int:
    """The number of bytes in 900_000_000, "900MB", "0.9 GB" or "1GiB"."""
    if isinstance(amount, int) and not isinstance(amount, bool) and amount > 0:
        return amount
    found = _AMOUNT.fullmatch(amount.strip()) if isinstance(amount, str) else None
    unit = UNITS.get((found[2] or "B").upper()) if found else None
    if found is None or unit is None or float(found[1]) * unit < 1:
        raise BadOptions(
            f"{amount!r} is not an amount of memory",
            "Use a number of bytes, or text such as '900MB'.",
        )
    return int(float(found[1]) * unit)


def format_bytes(count: int) -> str:
    """Bytes for people to read: "613 MB", "1.25 GB"; decimal, rounded up."""
    if count >= UNITS["GB"]:
        return f"{-(-count // 10**7) / 100:.2f} GB"
    if count >= UNITS["MB"]:
        return f"{-(-count // UNITS['MB'])} MB"
    return f"{-(-count // UNITS['KB'])} kB"


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Check an option that counts something.

    Raises:
        BadOptions: it is no whole number, or below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        reason = f"`{name}={value!r:.60}` is not a whole number from {least:,} up"
        raise BadOptions(reason, f"Use {least:,} or more.")


def check_number(name: str, value: object, least: float, most: float) -> None:
    """Check an option that is a number within bounds.

    Raises:
        BadOptions: it is no number, or outside of them.
    """
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not least <= number <= most:
        reason = f"`{name}={value!r:.60}` is not a number from {least:g} to {most:g}"
        raise BadOptions(reason, "Use one within these bounds.")
