"""What happens unasked: no process, no connection, no pickle, nothing written or foreign run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT, SHAPES

STAGES = {
    "import smolvlm_tools": "import smolvlm_tools",
    "the public names": "from smolvlm_tools import *",
    "the command line": "import smolvlm_tools.cli",
    "tools": "import smolvlm_tools.tools, smolvlm_tools.ingest",
    "langchain": "import langchain_smolvlm; from langchain_smolvlm import ChatSmolVLM",
    "llama_index": (
        "import llama_index.llms.smolvlm, llama_index.readers.smolvlm, llama_index.tools.smolvlm"
    ),
    "mcp": "import smolvlm_mcp.serving, smolvlm_mcp.http, smolvlm_mcp.stdio",
    "load": "from smolvlm_tools import SmolVLM; vlm = SmolVLM.load('embedded', backend='onnx')",
    "describe": f"vlm.describe({str(SHAPES)!r}, max_new_tokens=4)",
    "close": "vlm.close()",
}

ALLOWED = {
    r"socket\.bind .*\('::1', 0\)\)$": "urllib3, which langsmith uses, asks whether "
    "IPv6 works: a socket is bound to ::1 for a moment, nothing is sent to it or from it",
    r"open for writing '/proc/self/clear_refs'$": "the kernel's mark of this process's memory is "
    "set back, for the peak in `usage`",
}
"""Patterns of events, and why they may be."""


def seen_of(stages: dict[str, str]) -> dict[str, list[str]]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "integrations")])
    done = subprocess.run(
        [sys.executable, "-BP", str(ROOT / "tests" / "support" / "audited.py"), str(ROOT)],
        input=json.dumps(list(stages.items())),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_loading_and_describing_start_send_and_write_nothing():
    pytest.importorskip("langchain_core")
    pytest.importorskip("llama_index.core")
    pytest.importorskip("mcp")
    unexpected = []
    for stage, events in seen_of(STAGES).items():
        for event in events:
            reason = next((why for shape, why in ALLOWED.items() if re.match(shape, event)), None)
            if reason is None:
                unexpected.append(f"{stage}: {event}")
            else:
                print(f"allowed: {stage}: {event}: {reason}")
    assert unexpected == []


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import subprocess, sys; subprocess.run([sys.executable, '-V'])", "subprocess.Popen"),
        ("import os; os.system('true')", "os.system"),
        ("import socket; socket.create_server(('127.0.0.1', 0)).close()", "socket.bind"),
        ("import pickle; pickle.loads(pickle.dumps(print))", "pickle.find_class"),
        ("exec(compile('1', '/tmp/foreign.py', 'exec'))", "exec"),
        ("import tempfile; tempfile.TemporaryFile().close()", "open"),
    ],
    ids=["process", "shell", "socket", "pickle", "foreign file", "write"],
)
def test_each_of_these_would_be_seen(code: str, event: str):
    seen = seen_of({"bad": code})
    assert [shown for shown in seen["bad"] if shown.split()[0] == event], seen
