"""Ingestion in a process that is killed while the model works, and is run again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.llama_index_scenes import picture
from tests.support.paths import ROOT

_COUNTED = """
import json, os, signal, sys
from pathlib import Path
from smolvlm_tools import SmolVLM

FOLDER, CACHE, CALLS, LAST = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
batch = SmolVLM.batch

def counted(self, conversations, **options):
    outcomes = batch(self, conversations, **options)
    with CALLS.open("a") as calls:
        calls.write("call\\n" * len(conversations))
    if LAST and len(CALLS.read_text().split()) >= LAST:
        os.kill(os.getpid(), signal.SIGKILL)
    return outcomes

SmolVLM.batch = counted
"""

LOADER = """
from langchain_smolvlm import SmolVLMLoader
loader = SmolVLMLoader(FOLDER, model="embedded", mode="caption", cache=CACHE)
told = [(d.metadata["source"], d.metadata["page"], d.page_content) for d in loader.lazy_load()]
"""
READER = """
from llama_index.core import SimpleDirectoryReader
from llama_index.readers.smolvlm import SmolVLMImageReader
reader = SmolVLMImageReader(model="embedded", mode="caption", cache=CACHE, at_once=1)
found = SimpleDirectoryReader(FOLDER, file_extractor=reader.file_extractor()).load_data()
told = [(d.metadata["file_path"], d.metadata["page_label"], d.text) for d in found]
"""
PIPELINE = """
from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.readers.smolvlm import SmolVLMImageReader, SmolVLMTransform
reader = SmolVLMImageReader(mode="none")
found = SimpleDirectoryReader(FOLDER, file_extractor=reader.file_extractor()).load_data()
see = SmolVLMTransform(model="embedded", mode="caption", cache=CACHE, at_once=1)
nodes = IngestionPipeline(transformations=[see]).run(documents=found)
told = [(n.metadata["file_path"], n.metadata["page_label"], n.text) for n in nodes]
"""


class Interrupted:
    """Runs one of the programs above over a folder, as often as one likes."""

    def __init__(self, program: str, folder: Path, cache: Path) -> None:
        self._program, self._folder, self._cache = program, folder, cache
        self._calls = cache.with_suffix(".calls")
        self._calls.touch()

    @property
    def calls(self) -> int:
        """Requests that the model has answered in all runs."""
        return len(self._calls.read_text().split())

    def run(self, last_call: int = 0) -> list[list[str]] | None:
        """What came out; None if it was killed with its `last_call`, before that was kept."""
        code = f"{_COUNTED}\n{self._program}\nprint(json.dumps(told))"
        given = [str(self._folder), str(self._cache), str(self._calls), str(last_call)]
        done = subprocess.run(
            [sys.executable, "-c", code, *given],
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'integrations'}"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        if last_call:
            assert done.returncode == -signal.SIGKILL, done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def check_goes_on(program: str, folder: Path, cache: Path) -> None:
    """A run over six images is killed; one more comes, and it goes on: nothing is done twice."""
    for n in range(6):
        picture(folder / f"{n}.png", (250, 40 * n, 0))
    runs = Interrupted(program, folder, cache)
    assert runs.run(last_call=4) is None and runs.calls == 4
    picture(folder / "6.png", "blue")
    found = runs.run()
    assert runs.calls == 4 + 4, "three were kept, the fourth was in flight"
    assert found is not None and len(found) == 7
    assert found == Interrupted(program, folder, cache.with_name("other")).run()
