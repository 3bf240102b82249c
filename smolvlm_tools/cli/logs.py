"""What --verbose shows: the log of `smolvlm_tools` on stderr."""

from __future__ import annotations

import logging

from .console import note

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _Notes(logging.Handler):
    """Writes every record as a note, with the seconds since the start before it."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        said, self.last = self.last, record.getMessage()
        if self.last != said:  # one choice may be made several times
            note(f"[{record.relativeCreated / 1e3:7.2f} s] {self.last}")


_HANDLER = _Notes()


def show_logs(verbose: int) -> None:
    """Show what is done (1), or that and every step of it (2); a higher number stays."""
    logger = logging.getLogger("smolvlm_tools")
    level = _LEVELS[min(verbose, 2)]
    if verbose and (_HANDLER not in logger.handlers or level < logger.level):
        logger.addHandler(_HANDLER)
        logger.setLevel(level)


def hide_logs() -> None:
    """Leave the log as it was."""
    logger = logging.getLogger("smolvlm_tools")
    if _HANDLER in logger.handlers:
        logger.removeHandler(_HANDLER)
        logger.setLevel(logging.NOTSET)
        _HANDLER.last = ""
