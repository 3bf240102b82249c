"""Data URIs and base64 text that are wrong, or cost more than they hold."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from smolvlm_tools.errors import BadEncoding, CorruptImage, ImageNotFound, UnsupportedFormat
from tests.support.broken_images import JPEG, PNG

from .case import ANY, COSTLY, TYPED, WORKS, Case, Kind, Sent, codes

_GOOD = base64.b64encode(PNG).decode()
_BAD = codes(BadEncoding)
_TOO_MUCH = COSTLY | _BAD


def cases() -> Iterator[Case]:
    yield from _uris()
    yield from _base64()


def _uris() -> Iterator[Case]:
    wrong = {
        "without a comma": ("data:image/png;base64", _BAD),
        "without anything": ("data:", _BAD),
        "without content": ("data:image/png;base64,", codes(CorruptImage, BadEncoding)),
        "with bad padding": ("data:image/png;base64,AAA", codes(BadEncoding, CorruptImage)),
        "with a foreign letter": (f"data:image/png;base64,{_GOOD[:40]}*{_GOOD[40:]}", _BAD),
        "in the URL alphabet": ("data:image/png;base64," + "-_-_" * 30, _BAD),
        "that claims to be a JPEG": (f"data:image/jpeg;base64,{_GOOD}", _BAD),
        "that claims to be HTML": (
            f"data:text/html;base64,{_GOOD}",
            _BAD | codes(UnsupportedFormat),
        ),
        "of SVG": ("data:image/svg+xml,<svg onload='x()'/>", codes(UnsupportedFormat, BadEncoding)),
        "with a type of 1 MB": ("data:" + "a" * 1_000_000 + f";base64,{_GOOD}", TYPED),
        "with 100,000 parameters": ("data:image/png" + ";a=b" * 100_000 + f",{_GOOD}", TYPED),
        "with NUL": (f"data:image/png;base64,{_GOOD}\0", _BAD | {WORKS}),  # LlamaIndex drops it
        "with a lone surrogate": (f"data:image/png;base64,{_GOOD}\ud800", _BAD),
        "with letters of full width": ("data:image/png;base64," + "\uff21" * 64, _BAD),
        "of percent signs": ("data:image/png," + "%" * 100_000, TYPED),
        "of broken escapes": ("data:image/png;base64," + "%zz" * 30_000, TYPED),
        "in a data URI": (f"data:image/png;base64,data:image/png;base64,{_GOOD}", _BAD),
        "after a million spaces": (" " * 1_000_000 + f"data:image/png;base64,{_GOOD}", ANY),
        "with a million spaces inside": (
            f"data:image/png;base64,{_GOOD[:40]}{' ' * 1_000_000}{_GOOD[40:]}",
            ANY,
        ),
        "of a JPEG, sound": (
            f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}",
            codes(WORKS),
        ),
        "in percent escapes, sound": (
            "data:image/png," + "".join(f"%{byte:02x}" for byte in PNG),
            codes(WORKS),
        ),
        "in capitals, sound": (f"DATA:IMAGE/PNG;BASE64,{_GOOD}", codes(WORKS)),
    }
    for name, (text, allowed) in wrong.items():
        yield _text(f"data URI {name}", "uri", lambda text=text: text, allowed)
    costly: dict[str, Callable[[], str]] = {
        "25 million percent escapes": lambda: "data:image/png," + "%41" * 25_000_000,
        "8 million percent escapes": lambda: "data:image/png," + "%41" * 8_000_000,
        "8 million escapes in base64": lambda: "data:image/png;base64," + "%41" * 8_000_000,
        "25 million percent signs": lambda: "data:image/png," + "%" * 25_000_000,
        "6 million letters beyond ASCII": lambda: "data:image/png," + "\u00e9" * 6_000_000,
        "40 million letters": lambda: "data:image/png;base64," + "A" * 40_000_000,
        "10 million commas": lambda: "data:image/png" + "," * 10_000_000,
        "10 million semicolons": lambda: "data:image/png" + ";" * 10_000_000,
        "10 million semicolons and a comma": lambda: "data:" + ";" * 10_000_000 + ",",
    }
    for name, make in costly.items():
        yield _text(f"data URI of {name}", "uri", make, TYPED)


def _base64() -> Iterator[Case]:
    wrong: dict[str, tuple[Callable[[], str], frozenset[str]]] = {
        "of 64 MiB": (lambda: "A" * (64 << 20), TYPED),
        "of 26 MB of nothing": (lambda: "A" * 26_000_000, TYPED),
        "of 20 million line ends": (lambda: _GOOD[:64] + "\n" * 20_000_000 + _GOOD[64:], ANY),
        "with bad padding": (lambda: _GOOD.rstrip("=")[:-1], TYPED),
        "with padding in the middle": (lambda: _GOOD[:64] + "==" + _GOOD[64:], TYPED),
        "of padding": (lambda: "=" * 4_000, TYPED),
        "with a foreign letter": (lambda: _GOOD[:64] + "\u00e9" + _GOOD[64:], TYPED),
        "with a lone surrogate": (lambda: _GOOD[:64] + "\udfff" + _GOOD[64:], TYPED),
        "with NUL": (lambda: _GOOD[:64] + "\0" + _GOOD[64:], TYPED),
        "with an escape sequence": (lambda: _GOOD[:64] + "\x1b[2J" + _GOOD[64:], TYPED),
        "that is no image": (lambda: base64.b64encode(b"no image" * 99).decode(), TYPED),
        "that is a pickle": (lambda: base64.b64encode(b"\x80\4\x95" * 99).decode(), TYPED),
        "twice over": (lambda: base64.b64encode(_GOOD.encode()).decode(), TYPED),
        "cut off": (lambda: _GOOD[: len(_GOOD) // 8 * 4], TYPED),
        "in lines": (
            lambda: "\n".join(_GOOD[at : at + 76] for at in range(0, len(_GOOD), 76)),
            codes(WORKS, BadEncoding, UnsupportedFormat),  # LlamaIndex: of text, not of base64
        ),
        "without a type, sound": (lambda: _GOOD, codes(WORKS)),
    }
    for name, (make, allowed) in wrong.items():
        # A short text that does not begin like an image is a path that is not there.
        more = codes(ImageNotFound, "path_not_allowed") if WORKS not in allowed else frozenset()
        yield _text(f"base64 {name}", "base64", make, allowed | more)


def _text(name: str, kind: Kind, make: Callable[[], str], allowed: frozenset[str]) -> Case:
    return Case(name, kind, lambda: Sent(text=make(), mime="image/png"), allowed, trusted=allowed)
