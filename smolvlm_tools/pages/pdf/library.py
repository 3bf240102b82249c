"""PDFium itself: the import, and the lock."""

from __future__ import annotations

import threading
from typing import Any

from ...errors import BackendUnavailable

PDFIUM = threading.RLock()
"""PDFium is not thread-safe: hold this while calling it."""


def import_pdfium() -> Any:
    """The module pypdfium2.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise BackendUnavailable(
            "reading PDF documents needs pypdfium2, which is not installed",
            "Run: pip install 'smolvlm-tools[pdf]'",
        ) from error
    return pypdfium2


def raw() -> Any:
    """PDFium's C functions; only after `import_pdfium`."""
    import pypdfium2.raw

    return pypdfium2.raw
