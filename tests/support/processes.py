"""The command as a process of its own, with pipes or on a pseudo terminal."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.paths import ROOT

# Ctrl-C arrives even where the tests themselves run in the background.
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
MAIN = "from smolvlm_tools.cli import main; main()"


def environment(**more: str) -> dict[str, str]:
    hidden = ("NO_COLOR", "FORCE_COLOR", "HF_HUB_OFFLINE", "SMOLVLM_MODEL", "SMOLVLM_PDF_PASSWORD")
    rest = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**rest, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}


def start(*arguments: object, before: str = "", **options) -> subprocess.Popen[bytes]:
    """Start the command; `before` is Python that runs first."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment()} | options
    code = START + before + MAIN
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


def run(*arguments: object, **options) -> tuple[int, str, str]:
    with start(*arguments, **options) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, (out or b"").decode(), (err or b"").decode()


def on_terminal(*arguments: object, **options) -> tuple[int, str]:
    """Run with stdout and stderr on a pseudo terminal; return the code and what it showed."""
    import pty  # POSIX only

    master, slave = pty.openpty()
    with start(*arguments, stdout=slave, stderr=slave, **options) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not part:
                break
            shown += part
        process.wait(60)
    os.close(master)
    return process.returncode, shown.decode()
