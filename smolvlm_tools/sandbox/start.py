"""Starts the child: the same interpreter and the same packages, and nothing else of the caller's.

`multiprocessing` would import the caller's `__main__`, which runs a script without a guard again.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import BackendUnavailable
from .segments import AVAILABLE

_PATH = "SMOLVLM_CHILD_PATH"
_CODE = (
    "import json, os, sys; "
    f"sys.path[:] = json.loads(os.environ.pop({_PATH!r})); "
    f"from {__package__}.child import main; main()"
)
_KEPT = ("LD_", "DYLD_", "LC_")
_KEPT_NAMES = {"LANG", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ"}


@dataclass(frozen=True, slots=True)
class Started:
    """A child, and the descriptors to talk to it.

    Attributes:
        wire: the socket that requests and descriptors go through; None where pipes have to do.
    """

    popen: subprocess.Popen[bytes]
    requests: int
    replies: int
    wire: socket.socket | None

    def close(self) -> None:
        """Close this side of everything."""
        for end in (self.popen.stdin, self.popen.stdout, self.popen.stderr, self.wire):
            if end is not None:
                end.close()


def start_child() -> Started:
    """Start a child that reads requests from its stdin and answers on its stdout.

    It has a session of its own, so that Ctrl-C in a terminal does not reach it, and sees neither
    the caller's secrets in the environment nor what Python is told there.

    Raises:
        BackendUnavailable: there is no interpreter to start, or the system refuses to.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise BackendUnavailable(
            "what strangers send is to be read in a process of its own, which needs a Python "
            "interpreter",
            "Use `ImagePolicy(isolate=False)` in frozen and embedding programs.",
        )
    if not AVAILABLE:
        popen = _popen(subprocess.PIPE)
        assert popen.stdin is not None and popen.stdout is not None
        return Started(popen, popen.stdin.fileno(), popen.stdout.fileno(), None)
    wire, theirs = socket.socketpair()
    with theirs:
        try:
            popen = _popen(theirs.fileno())
        except BaseException:
            wire.close()
            raise
    assert popen.stdout is not None
    return Started(popen, wire.fileno(), popen.stdout.fileno(), wire)


def _popen(stdin: int) -> subprocess.Popen[bytes]:
    windows = sys.platform == "win32"
    flags = ["-I", "-B"] if sys.dont_write_bytecode else ["-I"]
    try:
        return subprocess.Popen(
            [sys.executable, *flags, "-c", _CODE],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if windows else subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            start_new_session=not windows,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise BackendUnavailable(
            f"the process that reads images and documents does not start ({error})",
            "Free memory or processes. Or use `ImagePolicy(isolate=False)` for what you trust.",
        ) from error


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in _KEPT_NAMES or k.startswith(_KEPT)}
    kept[_PATH] = json.dumps([os.path.abspath(entry) for entry in [*sys.path, _root()]])
    for name in ("OPENBLAS", "OMP", "MKL"):  # each of their threads would reserve memory
        kept[f"{name}_NUM_THREADS"] = "1"
    return kept


def _root() -> str:
    """The folder or archive that this package is in."""
    return str(Path(__file__).parents[2])
