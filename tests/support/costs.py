"""What loading an image takes: processor time, and memory beyond the source itself.

`costs("tests.support.floods", names)` loads `CASES[name]()` of that module for every name, each in
a process of its own, so that none profits from memory that another one has left.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

MB = 1_000_000
_MOST_SECONDS, _MOST_BYTES = 30, 6_000 * MB


@dataclass(frozen=True)
class Cost:
    """What one source took.

    Attributes:
        outcome: name of the error, or the size of the image.
        seconds: of processor time.
        extra: most bytes resident at once, beyond those before.
    """

    outcome: str
    seconds: float
    extra: int


def costs(module: str, names: list[str]) -> dict[str, Cost]:
    command = [sys.executable, "-m", __name__, module, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {name: Cost(**found) for name, found in json.loads(done.stdout).items()}


def _measure(module: str, name: str) -> Cost:
    """One case in a child, which inherits what is imported and nothing else of note."""
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
        with os.fdopen(sending, "w") as answer:
            json.dump(asdict(_load(module, name)), answer)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as answer:
        found = answer.read()
    os.waitpid(child, 0)
    return Cost(**json.loads(found)) if found else Cost("killed", _MOST_SECONDS, _MOST_BYTES)


def _load(module: str, name: str) -> Cost:
    from smolvlm_tools.errors import SmolVLMError
    from smolvlm_tools.images import load_image

    source = import_module(module).CASES[name]()
    ctypes.CDLL(None).malloc_trim(0)  # else memory that is free already would not be counted
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before, began = _status("VmRSS"), time.process_time()
    try:
        width, height = load_image(source).size
        outcome = f"{width}x{height}"
    except SmolVLMError as error:
        outcome = f"{type(error).__name__}: {error.reason}"
    except Exception as error:  # the table of results shows it
        outcome = f"RAW {type(error).__name__}: {error}"
    return Cost(outcome, time.process_time() - began, _status("VmHWM") - before)


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def main() -> None:
    """Runs the command line."""
    module, *names = sys.argv[1:]
    import smolvlm_tools.images
    import smolvlm_tools.images.fetch  # noqa: F401

    found: dict[str, Cost] = {}
    for name in names or import_module(module).CASES:
        found[name] = cost = _measure(module, name)
        figures = f"{name:44} {cost.seconds:6.2f} s {cost.extra / MB:6.0f} MB"
        print(f"{figures}  {cost.outcome[:90]}", file=sys.stderr, flush=True)
    print(json.dumps({name: asdict(cost) for name, cost in found.items()}))


if __name__ == "__main__":
    main()
