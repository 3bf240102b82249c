r"""Strings and numbers of JSON, with their bounds → terminals of a Lark grammar.

A terminal is the right side of a rule in llguidance's Lark form: regular expressions joined by `&`
(and) and `|`. Strings are written in one form only: `\"`, `\\`, `\n`, `\t`, every other character
as itself. Numbers are written without exponents and with at most 15 significant digits (16 in whole
numbers), so that reading them as a double keeps their order and every bound holds after reading.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from .patterns import CHARACTER, PLAIN, pattern_regex

PLAIN_RUN = PLAIN + "{1,30}"
"""Runs of characters that any string may hold: for llguidance's slices of a vocabulary."""

SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader takes exactly (RFC 8259, section 6)."""

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP = (
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"  # Gregorian
)
DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP}-02-29)"
)
"""Every day of the calendar from 0001-01-01 to 9999-12-31, in the form of RFC 3339, no other."""

_FRACTION = 6  # digits after the point, where the bounds do not need more
_DIGITS = 15  # significant, that a double keeps (IEEE 754)
_FARTHEST = Fraction(10**40)

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = r"(?:Z|[+\-](?:0[0-9]|1[0-4]):[0-5][0-9])"
_LABEL = r"[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,10}){0,3}"
_HOST = rf"(?:{_LABEL}\.){{0,5}}[A-Za-z][A-Za-z0-9]{{0,20}}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_CLOCK = "T(?:[0-9]{1,4}H(?:[0-9]{1,4}M)?(?:[0-9]{1,4}S)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S)"
_HEX = "[0-9A-Fa-f]"
_PAIR = _HEX + "{1,4}"
_LOCAL = r"[A-Za-z0-9](?:[A-Za-z0-9_+\-]{0,30}[A-Za-z0-9])?"
_URL_CHARACTER = r"(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})"

FORMATS = {
    "date": DATE,
    "time": _TIME + _ZONE,
    "date-time": f"{DATE}T{_TIME}{_ZONE}",
    "duration": f"P(?:[0-9]{{1,4}}W|[0-9]{{1,5}}D(?:{_CLOCK})?|{_CLOCK})",
    "email": rf"{_LOCAL}(?:\.{_LOCAL}){{0,3}}@(?:{_LABEL}\.){{1,4}}[A-Za-z]{{2,12}}",
    "hostname": _HOST,
    "ipv4": rf"(?:{_OCTET}\.){{3}}{_OCTET}",
    "ipv6": f"(?:{_PAIR}:){{7}}{_PAIR}|(?:{_PAIR}:){{1,4}}(?::{_PAIR}){{1,3}}|::(?:{_PAIR})?",
    "uuid": f"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}",
    "uri": rf"[a-z][a-z0-9]{{1,15}}://{_HOST}(?:/{_URL_CHARACTER}*)*"
    rf"(?:\?(?:{_URL_CHARACTER}|[=&])*)?(?:#{_URL_CHARACTER}*)?",
}
"""Formats that are enforced: each a part of what its RFC allows that every checker accepts."""

FORMATS["uri-reference"] = FORMATS["iri"] = FORMATS["uri"]
FORMATS["idn-email"] = FORMATS["email"]
FORMATS["idn-hostname"] = FORMATS["hostname"]


def text_terminal(
    low: int, high: int | None, patterns: tuple[str, ...], formats: tuple[str, ...]
) -> str:
    """Strings of `low` to `high` characters (code points) with all `patterns` and `formats`.

    Raises:
        PatternError: a pattern cannot be enforced.
        KeyError: a format is unknown.
    """
    parts = [pattern_regex(pattern) for pattern in patterns]
    parts += [f"(?:{FORMATS[name]})" for name in formats]
    if low or high is not None or not parts:
        bounds = "*" if (low, high) == (0, None) else f"{{{low},{'' if high is None else high}}}"
        parts.append(CHARACTER + bounds)
    return " & ".join(_slashes(f'/"{part}"/') for part in parts)


def has_format(value: object, name: str) -> bool:
    """Whether a value, if it is a string, is one that the format's grammar writes."""
    return not isinstance(value, str) or re.fullmatch(FORMATS[name], value) is not None


def integer_terminal(low: Fraction | None, high: Fraction | None) -> str | None:
    """Whole numbers from `low` to `high` without leading zeros; None where there is none."""
    least, most = interoperable(low, high)
    first, last = math.ceil(least), math.floor(most)
    return None if first > last else f"/{_signed(first, last)}/"


def decimal_terminal(
    low: Fraction | None, high: Fraction | None, low_open: bool = False, high_open: bool = False
) -> str | None:
    """Numbers from `low` to `high`, which are left out where open; None where none can be written.

    With fractions of six digits, or as many more as the bounds have, below 10**9, or as much less;
    beyond that whole ones.
    """
    least, most = interoperable(low, high)
    digits = min(max(_FRACTION, _places(low) + low_open, _places(high) + high_open), _DIGITS)
    scale, reach = 10**digits, Fraction(10 ** (_DIGITS - digits))
    whole = (
        math.floor(least) + 1 if low_open and low is not None else math.ceil(least),
        math.ceil(most) - 1 if high_open and high is not None else math.floor(most),
    )
    parts: list[str] = []
    if whole[0] <= whole[1]:
        parts.append(_signed(*whole))
    clipped = max(least, 1 / scale - reach), min(most, reach - Fraction(1, scale))
    first, last = math.ceil(clipped[0] * scale), math.floor(clipped[1] * scale)
    first += low_open and first == least * scale
    last -= high_open and last == most * scale
    terminal = f"/{parts[0]}/" if parts else ""
    for sign, start, stop in (("-", max(1, -last), -first), ("", max(0, first), last)):
        if start <= stop:
            bounds = _at_least(start, digits), _at_most(stop, digits)
            terminal += (" | " if terminal else "") + "(/{0}{1}/ & /{0}{2}/)".format(sign, *bounds)
    return terminal or None


def _slashes(regex: str) -> str:
    """A slash would end the expression in Lark."""
    return "/" + regex[1:-1].replace("/", r"\x2f") + "/"


def interoperable(low: Fraction | None, high: Fraction | None) -> tuple[Fraction, Fraction]:
    """Both bounds within ±(2**53 - 1) (RFC 8259, section 6), unless they lie outside together."""
    safe = Fraction(SAFE_INTEGER)
    least, most = (-safe if low is None else low), (safe if high is None else high)
    if least > safe:
        return least, _FARTHEST if high is None else min(most, _FARTHEST)
    if most < -safe:
        return -_FARTHEST if low is None else max(least, -_FARTHEST), most
    return max(least, -safe), min(most, safe)


def _places(bound: Fraction | None) -> int:
    """Digits that a decimal fraction has after the point."""
    places = 0
    while bound is not None and places < _DIGITS and bound.denominator > 1:
        bound *= 10
        places += 1
    return places


def _signed(low: int, high: int) -> str:
    parts: list[str] = []
    if low < 0:
        parts.append("-" + _range(max(1, -high), -low))
    if high >= 0:
        parts.append(_range(max(0, low), high))
    return "(?:" + "|".join(parts) + ")"


def _range(low: int, high: int) -> str:
    """Digits of the whole numbers from `low` to `high`, both at least 0."""
    parts: list[str] = []
    full: list[int] = []  # lengths of which every number is in the range
    for length in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (length - 1) if length > 1 else 0)
        last = min(high, 10**length - 1)
        if first == 10 ** (length - 1) and last == 10**length - 1:
            full.append(length - 1)
        else:
            parts.append(_same_length(str(first), str(last)))
    if full:
        parts.append(f"[1-9][0-9]{{{full[0]},{full[-1]}}}")
    return "(?:" + "|".join(parts) + ")"


def _same_length(low: str, high: str) -> str:
    if not low:
        return ""
    rest = len(low) - 1
    if low == "0" * len(low) and high == "9" * len(low):
        return f"[0-9]{{{len(low)}}}"
    if low[0] == high[0]:
        return low[0] + _same_length(low[1:], high[1:])
    parts = [
        low[0] + _same_length(low[1:], "9" * rest),
        high[0] + _same_length("0" * rest, high[1:]),
    ]
    if int(low[0]) + 1 < int(high[0]):
        parts.append(f"[{int(low[0]) + 1}-{int(high[0]) - 1}][0-9]{{{rest}}}")
    return "(?:" + "|".join(parts) + ")"


def _at_least(number: int, digits: int) -> str:
    """Decimals of up to `digits` places whose value times 10**digits is `number` or more."""
    whole, part = divmod(number, 10**digits)
    places = f"{part:0{digits}d}".rstrip("0")
    any_places = rf"(?:\.[0-9]{{1,{digits}}})?"
    greater = _range(whole + 1, 10 ** max(_DIGITS, len(str(whole)) + 1)) + any_places
    if not places:
        return f"(?:{whole}{any_places}|{greater})"
    return rf"(?:{whole}\.{_places_from(places, digits)}|{greater})"


def _at_most(number: int, digits: int) -> str:
    whole, part = divmod(number, 10**digits)
    places = f"{part:0{digits}d}".rstrip("0")
    equal = rf"{whole}(?:\.{_places_to(places, digits)})?"
    if whole == 0:
        return f"(?:{equal})"
    return rf"(?:{equal}|{_range(0, whole - 1)}(?:\.[0-9]{{1,{digits}}})?)"


def _places_from(places: str, most: int) -> str:
    """Up to `most` digits that are, as a fraction, at least `places`, which is not empty."""
    digit, rest = int(places[0]), places[1:]
    same = f"{digit}" + (_places_from(rest, most - 1) if rest else f"[0-9]{{0,{most - 1}}}")
    above = f"|[{digit + 1}-9][0-9]{{0,{most - 1}}}" if digit < 9 else ""
    return f"(?:{same}{above})"


def _places_to(places: str, most: int) -> str:
    """One to `most` digits that are, as a fraction, at most `places`."""
    if not places:
        return f"0{{1,{most}}}"
    digit, rest = int(places[0]), places[1:]
    same = f"{digit}(?:{_places_to(rest, most - 1)})?" if most > 1 else f"{digit}"
    below = f"|[0-{digit - 1}][0-9]{{0,{most - 1}}}" if digit else ""
    return f"(?:{same}{below})"
