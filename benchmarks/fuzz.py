"""Fuzzes the places where bytes come in, led by the code that an input reaches (atheris).

    python -m benchmarks.fuzz --minutes 60                 # all entrances, in turn
    python -m benchmarks.fuzz --minutes 5 --target png     # one of them
    python -m benchmarks.fuzz --target png --reproduce benchmarks/.results/fuzz/png/crash-…

It starts from generated files, and goes on from what earlier runs have found worth keeping. What
crashes, takes over 20 s, or raises anything but an error of this package is saved with the command
that shows it again. Exit code 1 says that there was one.

atheris has packages for Linux and Python up to 3.13; the tests' random changes
(tests/hostile/test_mutations.py) need none.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.command import FAILED, Command, comma_list, notice
from benchmarks.paths import RESULTS, ROOT
from smolvlm_tools.errors import BackendUnavailable, BadOptions
from tests.support.hostile.entrances import ENTRANCES, enter

FOLDER = RESULTS / "fuzz"
_MOST_FOUND = 20
"""Inputs of one target that are not held, after which there is enough to mend."""


def _run(options: argparse.Namespace) -> int:
    unknown = set(options.target) - set(ENTRANCES)
    if unknown:
        raise BadOptions(f"no target {sorted(unknown)[0]!r}", f"Use {', '.join(ENTRANCES)}.")
    if options.reproduce is not None:
        [target] = options.target
        print("taken" if enter(target, options.reproduce.read_bytes()) else "refused")
        return 0
    if find_spec("atheris") is None:
        raise BackendUnavailable(
            "fuzzing needs atheris, which is not installed",
            "Run: pip install atheris (Linux, Python up to 3.13).",
        )
    seconds = options.minutes * 60 / len(options.target)
    found = [path for target in options.target for path in fuzz(target, seconds)]
    for target, path in found:
        print(f"python -m benchmarks.fuzz --target {target} --reproduce {path}")
    print(f"{len(found)} inputs are not held")
    return FAILED if found else 0


def fuzz(target: str, seconds: float) -> list[tuple[str, Path]]:
    """Fuzz one entrance in processes of its own; what they save because it is not held.

    libFuzzer stops at the first such input, so it is started again until the time is over.
    """
    place = FOLDER / target
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in ENTRANCES[target].seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    before = set(place.glob("*-*"))
    until, left = time.monotonic() + seconds, seconds
    notice(f"fuzzing {target} for {seconds:.0f} s")
    for _ in range(_MOST_FOUND):
        code, said = _child(target, place, max(1, round(left)))
        told = [line for line in said.splitlines() if "exec/s" in line or "Done" in line]
        notice("\n".join(told[-1:]))
        if code:
            notice("\n".join(line for line in said.splitlines()[-12:] if line.strip())[-1_500:])
        left = until - time.monotonic()
        if code == 0 or left < 1:
            break
    return [(target, path) for path in sorted(set(place.glob("*-*")) - before)]


def _child(target: str, place: Path, seconds: int) -> tuple[int, str]:
    """Exit code and stderr of one process."""
    command = [sys.executable, "-m", "benchmarks.fuzzing.child", target, str(place), str(seconds)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + 300,
    )
    if "INITED" not in done.stderr and "Running:" not in done.stderr:
        notice(done.stderr[-2_000:])
        raise BackendUnavailable(f"fuzzing {target} did not start", "Its process says why, above.")
    return done.returncode, done.stderr


main = Command("fuzz", __doc__, _run)
main.add_argument("--minutes", type=float, default=5.0, help="for all targets together")
main.add_argument("--target", type=comma_list, default=tuple(ENTRANCES), help="comma-separated")
main.add_argument("--reproduce", type=Path, help="an input that was saved")

if __name__ == "__main__":
    sys.exit(main())
