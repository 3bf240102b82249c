"""`finetune` in a process of its own, which may be killed: `python -m … CHECKPOINT OUT OPTIONS`.

OPTIONS are JSON; "training" and "validation" of them count samples, "cancel_after" is a step; the
rest are FineTuneOptions.
Every step is told on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from smolvlm_tools import open_checkpoint
from smolvlm_tools.errors import Cancelled
from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.train import finetune
from tests.support.lessons import split
from tests.support.paths import ROOT

HERE = "tests.support.killed_finetuning"


def command(checkpoint: Path, out: Path, options: dict[str, Any], module: str = HERE) -> list[str]:
    return [sys.executable, "-m", module, str(checkpoint), str(out), json.dumps(options)]


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def main(checkpoint: str, out: str, text: str) -> None:
    options = json.loads(text)
    cancel_after = options.pop("cancel_after", None)
    samples = split(options.pop("training"), options.pop("validation", 0))

    def tell(record: Any) -> None:
        print(record.step, flush=True)
        if record.step == cancel_after:
            raise Cancelled("enough")

    finetune(
        open_checkpoint(Path(checkpoint)),
        samples,
        Path(out),
        FineTuneOptions(**options),
        on_step=tell,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
