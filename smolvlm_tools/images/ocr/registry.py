"""Recognisers by name; each is loaded once in a process."""

from __future__ import annotations

import threading

from ...errors import BadOptions
from ...types import CheckName
from .rapid import RapidRecognizer
from .recognizer import Recognizer
from .tesseract import TesseractRecognizer

RECOGNIZERS: dict[CheckName, type[RapidRecognizer] | type[TesseractRecognizer]] = {
    "ocr": RapidRecognizer,
    "tesseract": TesseractRecognizer,
}
"""A new one is a line here, and its name in `types.CheckName`."""

_LOADED: dict[CheckName, Recognizer] = {}
_LOCK = threading.Lock()


def parse_check(check: object) -> CheckName | None:
    """Return `check` if it names a recogniser, or None."""
    if check is None or check in RECOGNIZERS:
        return check
    raise BadOptions(f"`check={check!r}` is unknown", f"Use one of {', '.join(RECOGNIZERS)}.")


def open_recognizer(name: CheckName) -> Recognizer:
    """Load a recogniser, or return the one that is loaded.

    Raises:
        BackendUnavailable: what it is made of is not installed.
    """
    with _LOCK:
        if name not in _LOADED:
            _LOADED[name] = RECOGNIZERS[name]()
        return _LOADED[name]
