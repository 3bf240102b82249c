"""Measures one engine once, in a process of its own, and prints the samples as JSON.

`bench` starts it; every process is fresh, so memory and load time are the engine's alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.prompts import image_files
from benchmarks.speed.measure import GROUPS, NEVER, Task
from smolvlm_tools.errors import SmolVLMError

MODEL_UNAVAILABLE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Print `{"samples": …, "plan": …}` of one run, or an error as `{"error": text}`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.worker")
    parser.add_argument("group", choices=tuple(GROUPS))
    parser.add_argument("engine")
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--page-limit", type=float, default=NEVER, metavar="SECONDS")
    options = parser.parse_args(arguments)
    images = image_files(options.images)
    task = Task(options.engine, options.folder, images, options.page_limit)
    try:
        samples = GROUPS[options.group](task)
    except SmolVLMError as error:
        print(json.dumps({"error": str(error)}))
        return MODEL_UNAVAILABLE
    print(json.dumps({"samples": samples, "plan": task.plan}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
