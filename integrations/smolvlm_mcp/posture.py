"""Says at the start who holds the processes that read images and documents to what."""

from __future__ import annotations

import sys
from threading import Thread

from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.sandbox import find_posture


def say_posture() -> None:
    """Write one line to stderr, soon: a process has to be started to know, and stays for images."""
    Thread(target=_say, name="smolvlm-posture").start()


def _say() -> None:
    try:
        line = f"isolated reading: {find_posture()}"
    except SmolVLMError as error:
        line = f"isolated reading does not work: {error}"
    print(f"smolvlm-mcp: {line}", file=sys.stderr, flush=True)
