"""Runs of `ingest` in processes of their own that can be killed at any moment.

A helper process imports everything once, and forks for every run, so that a run starts at once:

    with Runs(engine="fake") as runs:
        run = runs.start(folder, out)
        run.kill_after(0.5)
        run.wait()
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.support.paths import ROOT

FAKE, EMBEDDED = "fake", "embedded"


@dataclass
class Started:
    """A run on its way.

    Attributes:
        pid: of its process.
    """

    pid: int
    runs: Runs

    def kill_after(self, seconds: float) -> bool:
        """Kill it with SIGKILL unless it ends before; whether it was killed."""
        if self.runs.ended(seconds):
            return False
        children = psutil.Process(self.pid).children(recursive=True)
        os.kill(self.pid, signal.SIGKILL)
        assert self.runs.ended(60)
        _, alive = psutil.wait_procs(children, 10)
        assert not alive, "children of a killed run live on"
        return True

    def wait(self) -> int:
        """Its exit code."""
        assert self.runs.ended(300)
        return self.runs.code


@dataclass
class Runs:
    """Starts runs, one at a time.

    Args:
        engine: "fake" says the same about every page, at once; "embedded" is the checkpoint.
    """

    engine: str = FAKE
    code: int = 0
    _helper: Any = field(init=False)

    def __enter__(self) -> Runs:
        self._helper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_runs", self.engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._helper.stdin.close()
        self._helper.wait(30)
        self._helper.stdout.close()

    def start(self, folder: Path, out: Path, calls: Path) -> Started:
        """Ingest a folder; each answer of the engine adds a line to `calls`."""
        line = json.dumps([str(folder), str(out), str(calls)]) + "\n"
        self._helper.stdin.write(line.encode())
        self._helper.stdin.flush()
        return Started(int(self._helper.stdout.readline()), self)

    def ended(self, seconds: float) -> bool:
        """Whether the run ends within so many seconds."""
        if not select.select([self._helper.stdout], [], [], seconds)[0]:
            return False
        self.code = int(self._helper.stdout.readline())
        return True


def records_of(out: Path) -> dict[str, dict[str, Any]]:
    """All records by their ids; none may stand there twice."""
    found = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    twice = [each for each, count in Counter(record["id"] for record in found).items() if count > 1]
    assert not twice, twice
    return {record["id"]: record for record in found}


def main(kind: str) -> None:
    """The helper: for each line on stdin, fork a run; print its process id, then its exit code."""
    from smolvlm_tools.ingest import Reading, Wish, ingest
    from smolvlm_tools.ingest import pipeline as _pipeline  # noqa: F401  (imported before forks)

    wish = Wish(
        tasks=("transcription", "caption"),
        questions={"colour": "What color is the circle?"},
        options={"max_new_tokens": 8, "resolution": 1},
    )
    reading = Reading(longest_edge=128, workers=2)
    if kind == EMBEDDED:
        import onnxruntime  # noqa: F401
    while line := sys.stdin.buffer.readline():
        folder, out, calls = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            _, status = os.waitpid(pid, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        code = 1
        try:
            os.setsid()
            engine = _engine(kind, calls)
            ingest(folder, out, engine=engine, wish=wish, reading=reading)
            engine.close()
            code = 0
        finally:
            os._exit(code)


def _engine(kind: str, calls: str) -> Any:
    from smolvlm_tools import SmolVLM, open_checkpoint
    from smolvlm_tools.backends.fake import FakeBackend

    file = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    class Counting(SmolVLM):
        """Writes down every page that it has answered about: one that it refuses while it is busy
        is asked about again."""

        def ask_many(self, image: Any, questions: Any, **options: Any) -> Any:
            if kind == FAKE:
                time.sleep(0.05)  # as long as a model might take
            answers = super().ask_many(image, questions, **options)
            os.write(file, f"{image.ref}\n".encode())
            return answers

    if kind == EMBEDDED:
        return Counting.load("embedded")
    checkpoint = open_checkpoint("embedded")
    return Counting(checkpoint, FakeBackend.saying(checkpoint, " a red circle"))


if __name__ == "__main__":
    main(*sys.argv[1:])
