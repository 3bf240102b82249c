"""Fine-tunes in this process, and prints what was planned and what the process took, in bytes.

python -m tests.support.measured_finetuning DATA OUT ANSWERS OPTIONS_AS_JSON [MODEL]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.session import Wish, prepare, run
from smolvlm_tools.machine.meter import resident


def main() -> None:
    """Read the command line."""
    data, out, answers, options, *model = sys.argv[1:]
    wish = Wish(
        model=model[0] if model else "embedded",
        data=Path(data),
        out=Path(out),
        options=FineTuneOptions(**json.loads(options)),
        device="cpu",
        answers=int(answers),
    )
    span = resident().start()
    prepared = prepare(wish)
    run(prepared, lambda record: None, lambda what, done, total: None)
    print(json.dumps({"planned": prepared.plan.predicted_bytes, "taken": span.end()}))


if __name__ == "__main__":
    main()
