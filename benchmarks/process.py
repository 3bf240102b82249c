"""Runs one measurement in a process of its own, so that memory and load time are its alone.

The parent starts `python -m benchmarks.process MODULE FUNCTION ARGUMENTS`; the child prints the
answer as its last line. Arguments and answer are JSON objects.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from benchmarks.paths import ROOT
from smolvlm_tools.errors import SmolVLMError

Answer: TypeAlias = dict[str, Any]


def measure_fresh(
    measure: Callable[..., Answer],
    arguments: Mapping[str, Any],
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> Answer:
    """What `measure(**arguments)` returns in a fresh process, or `{"error": text}`.

    `measure` stands at the top of its module; `environment` is set beside our own variables.
    """
    command = [sys.executable, "-m", "benchmarks.process"]
    command += [measure.__module__, measure.__name__, json.dumps(dict(arguments))]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took over {timeout_s} s"}
    try:
        answer: Answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"error": f"its process ended with code {done.returncode}: {last[0]}"}
    return answer


def main(module: str, function: str, arguments: str) -> None:
    """The child's side: print the answer, or a typed error as `{"error": text, "code": code}`."""
    try:
        answer = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    except SmolVLMError as error:
        answer = {"error": str(error), "code": error.code}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
