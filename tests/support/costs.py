"""What loading an image takes: processor time, and memory beyond the source itself.

`costs("tests.support.floods", names)` loads `CASES[name]()` of that module for every name, each in
a process of its own, so that none profits from memory that another one has left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

MB = 1_000_000


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
        with os.fdopen(sending, "w") as answer:
            json.dump(asdict(_load(module, name)), answer)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as answer:
        found = answer.read()
    os.waitpid(child, 0)
    return Cost(**json.loads(found)) if found else Cost("crash", 0.0, 0)


def _load(module: str, name: str) -> Cost:
    from smolvlm_tools.errors import SmolVLMError
    from smolvlm_tools.images import load_image

    source = import_module(module).CASES[name]()
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

    chosen = names or list(import_module(module).CASES)
    found = {name: _measure(module, name) for name in chosen}
    if names:
        print(json.dumps({name: asdict(cost) for name, cost in found.items()}))
        return
    for name, cost in found.items():
        print(f"{name:44} {cost.seconds:6.2f} s {cost.extra / MB:6.0f} MB  {cost.outcome[:90]}")


if __name__ == "__main__":
    main()
