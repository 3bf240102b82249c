"""The command as a process of its own: signals, pipes, terminals, what is imported when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from PIL import Image

from tests.support.processes import environment, on_terminal, run, start

pytest.importorskip("pty", reason="signals and terminals as POSIX has them")

ENDLESS = """
import time
from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
class Slow(FakeBackend):
    def forward(self, *arguments):
        time.sleep(0.02)
        return super().forward(*arguments)
def load(name, **options):
    checkpoint = open_checkpoint(name)
    return SmolVLM(checkpoint, Slow.saying(checkpoint, " " + " ".join(map(str, range(900)))))
SmolVLM.load = load
"""
LOUD = """
import os
from smolvlm_tools import SmolVLM
load = SmolVLM.load
def loud(*arguments, **options):
    print("a library prints")
    os.system("echo a program prints")
    return load(*arguments, **options)
SmolVLM.load = loud
"""


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.linear_gradient("L").save(path)
    return path


@contextmanager
def stalled_hub():
    """A server that takes requests and never answers; yields its address and an event."""
    asked, release = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            release.wait(60)

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_ctrl_c_while_the_model_is_fetched_exits_with_130(picture, tmp_path):
    with stalled_hub() as (endpoint, asked):
        env = environment(HF_ENDPOINT=endpoint, HF_HOME=str(tmp_path / "hf"))
        with start("describe", picture, "--model", "256m", env=env) as process:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


def test_ctrl_c_amid_an_answer_exits_with_130_and_keeps_what_was_said(picture, tiny_a):
    more = ["--model", tiny_a, "--stream", "--max-new-tokens", "3000"]
    with start("describe", picture, *more, before=ENDLESS) as process:
        begun = process.stdout.read(7)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, begun, err) == (130, b"0 1 2 3", b"interrupted\n")
    assert b"899" not in out


def test_ctrl_c_before_anything_is_imported_exits_with_130():
    early = "import os; os.kill(os.getpid(), signal.SIGINT) if 0 else None\n"
    early += (
        "import importlib.abc\n"
        "class Interrupt(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    assert run("--help", before=early) == (130, "", "interrupted\n")


def test_ctrl_c_that_an_import_makes_another_error_of_exits_with_130():
    early = (
        "import importlib.abc, os\n"
        "class Interrupt(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name != 'typer': return None\n"
        "        try: os.kill(os.getpid(), signal.SIGINT)\n"
        "        except KeyboardInterrupt as error: raise ValueError('bad schema') from error\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    assert run("--help", before=early) == (130, "", "interrupted\n")


def test_a_second_ctrl_c_does_not_wait_for_the_first(picture, tiny_a):
    slow = (
        "import os, time\n"
        "from smolvlm_tools import SmolVLM\n"
        "def load(name, **options):\n"
        "    try: os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
        "    finally: os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
        "SmolVLM.load = load\n"
    )
    assert run("describe", picture, before=slow) == (130, "", "interrupted\n")


def test_an_interrupted_export_leaves_nothing_behind(tiny_a, tmp_path):
    with start("export", tiny_a, "--out", tmp_path / "out") as process:
        process.stderr.readline()  # it says that it writes
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.splitlines()[-1] == b"interrupted"
    assert not (tmp_path / "out").exists()


def test_a_reader_that_goes_away_is_no_failure(picture, tiny_a):
    more = ["--model", tiny_a, "--stream", "--max-new-tokens", "3000"]
    with start("describe", picture, picture, *more, before=ENDLESS) as process:
        process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(picture, tiny_a):
    with open("/dev/full", "wb") as full:
        code, _, err = run("plan", picture, "--model", tiny_a, stdout=full)
    assert code == 1 and err.count("\n") == 1
    assert err.startswith("error: the answer cannot be written")


def test_json_stays_alone_on_stdout_whatever_libraries_print(picture, tiny_onnx):
    few = ["--model", tiny_onnx, "--max-new-tokens", "1", "--json"]
    code, out, err = run("describe", picture, *few, before=LOUD)
    assert (code, json.loads(out)["backend"]) == (0, "onnx")
    assert err == (
        "a library prints\na program prints\n"
        "note: the reply was cut off at its token limit; raise --max-new-tokens\n"
    )


def test_python_minus_m_is_the_command_and_reads_standard_input(picture, tiny_a):
    with open(picture, "rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-m", "smolvlm_tools", "plan", "-", "--model", tiny_a, "--json"],
            stdin=stdin,
            capture_output=True,
            env=environment(),
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["images"][0]["width"] == 256


def test_help_loads_nothing_that_is_heavy():
    watch = (
        "import atexit\n"
        "heavy = {'numpy', 'PIL', 'torch', 'onnxruntime', 'transformers',\n"
        "         'huggingface_hub', 'httpx2', 'tokenizers'}\n"
        "atexit.register(lambda: print('loaded', sorted(heavy & set(sys.modules))))\n"
    )
    for arguments in (["describe", "--help"], ["describe", "--nonsense"]):
        _, out, _ = run(*arguments, before=watch)
        assert out.splitlines()[-1] == "loaded []"


def test_a_terminal_gets_a_spinner_and_colours_and_its_cursor_back(picture, tiny_onnx, tmp_path):
    few = ["--model", tiny_onnx, "--max-new-tokens", "1"]
    code, shown = on_terminal("describe", picture, tmp_path / "missing.png", *few)
    assert code == 3
    assert "loading" in shown and "\x1b[31merror: " in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0


def test_no_color_means_none(picture, tiny_a):
    plain = environment(NO_COLOR="1")
    code, shown = on_terminal("plan", picture, "missing.png", "--model", tiny_a, env=plain)
    assert (code, shown.count("\x1b")) == (3, 0)
    assert "error: no file" in shown and "prompt" in shown


def test_ctrl_c_gives_the_terminal_its_cursor_back(picture, tiny_a):
    slow = (
        "import os, time\n"
        "from smolvlm_tools import SmolVLM\n"
        "def load(name, **options):\n"
        "    time.sleep(0.5); os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
        "SmolVLM.load = load\n"
    )
    code, shown = on_terminal("describe", picture, "-m", tiny_a, before=slow)
    assert code == 130 and "Traceback" not in shown
    assert shown.endswith("interrupted\r\n")
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0
