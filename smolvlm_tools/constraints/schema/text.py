"""What strings and numbers are narrowed to: safe characters, real dates, formats, safe integers."""

from __future__ import annotations

from typing import Any, cast

from ...unsafe import ON_A_LINE, UNSAFE, UNSAFE_CLASS

PLAIN_RUN = rf'[^"\\{ON_A_LINE}]{{1,30}}'
"""Runs of characters that any string may hold: for llguidance's slices of a vocabulary."""

SAFE_TEXT = rf"^[^{UNSAFE_CLASS}]*$"
"""Strings without control and bidirectional characters, but for tabs and line feeds."""

SAFE_NAME = rf"^[^{ON_A_LINE}]{{0,64}}$"
"""Names that a model may make up for members of an object."""

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


def is_unsafe(value: Any) -> bool:
    """Whether a name or text in JSON data has characters that nothing here writes."""
    if isinstance(value, str):
        return UNSAFE.search(value) is not None
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return any(map(is_unsafe, members)) or any(map(is_unsafe, members.values()))
    return isinstance(value, list) and any(map(is_unsafe, cast("list[Any]", value)))
