"""What a confined process can still do, and what not: tried in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import pdf_only
from tests.support.paths import ROOT
from tests.support.workers import LONG

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has Landlock and seccomp"
)

BEGIN = """
import json, os, signal, socket, subprocess, sys, threading
sys.path[:0] = {path!r}
import smolvlm_tools.sandbox.confinement as confinement
from smolvlm_tools.sandbox.limits import WorkerLimits
folder = sys.argv[1]
confinement.FONTS = (folder + "/fonts",)

def tried(do):
    try:
        return "could: %r" % (do(),)
    except (OSError, MemoryError) as error:
        return type(error).__name__
"""


def run(body: str, folder: Path, *flags: str) -> dict[str, str]:
    """What the script puts into `found`, before and after it was confined."""
    code = BEGIN.format(path=[str(ROOT)]) + body + "\nprint(json.dumps(found))"
    done = subprocess.run(
        [sys.executable, *flags, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def has():
    """What this kernel has."""
    code = "from smolvlm_tools.sandbox.confinement import *; from dataclasses import asdict; "
    code += "import json; from smolvlm_tools.sandbox.limits import WorkerLimits; "
    code += "confine(WorkerLimits()); print(json.dumps(asdict(confinement())))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=LONG,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def landlock(has):
    if not has["landlock"]:
        pytest.skip(f"this kernel confines files not: {has['missing']}")


@pytest.fixture
def seccomp(has):
    if not has["seccomp"]:
        pytest.skip(f"this kernel filters no system calls: {has['missing']}")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fonts" / "inner").mkdir(parents=True)
    (tmp_path / "fonts" / "inner" / "a.ttf").write_text("a font")
    (tmp_path / "elsewhere.ttf").write_text("a font")
    (tmp_path / "fonts" / "linked.ttf").symlink_to(tmp_path / "elsewhere.ttf")
    (tmp_path / "secret").write_text("a secret")
    return tmp_path


def test_nothing_can_be_read_but_fonts(landlock, folder):
    found = run(
        """
paths = ["fonts/inner/a.ttf", "fonts/linked.ttf", "fonts/inner", "secret", ".", "fonts/../secret"]
paths += ["/etc/passwd", "/proc/self/environ", "/proc/1/status", "/", sys.executable, "/dev/null"]
is_folder = lambda path: os.path.isdir(os.path.join(folder, path))
read = lambda path: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(3)
before = {path: tried(lambda: read(os.path.join(folder, path))) for path in paths[:6]}
assert all(each.startswith("could") for each in before.values()), before
confinement.confine(WorkerLimits())
found = {path: tried(lambda: read(os.path.join(folder, path))) for path in paths}
""",
        folder,
    )
    can = {path for path, outcome in found.items() if outcome.startswith("could")}
    assert can == {"fonts/inner/a.ttf", "fonts/linked.ttf", "fonts/inner"}
    assert set(found.values()) - {found[path] for path in can} == {"PermissionError"}


WRITES = """
def write(flags):
    os.close(os.open(folder + "/fonts/inner/a.ttf", flags))
confinement.confine(WorkerLimits())
found = {
    "write": tried(lambda: write(os.O_WRONLY)),
    "both": tried(lambda: write(os.O_RDWR)),
    "truncate": tried(lambda: write(os.O_RDONLY | os.O_TRUNC)),
    "make": tried(lambda: open(folder + "/new", "x")),
    "no name": tried(lambda: os.open(folder, os.O_TMPFILE | os.O_RDWR)),
    "folder": tried(lambda: os.mkdir(folder + "/sub")),
    "remove": tried(lambda: os.unlink(folder + "/secret")),
    "rename": tried(lambda: os.rename(folder + "/secret", folder + "/known")),
    "link": tried(lambda: os.link(folder + "/secret", folder + "/fonts/s")),
    "symlink": tried(lambda: os.symlink(folder + "/secret", folder + "/fonts/s")),
    "mode": tried(lambda: os.chmod(folder + "/secret", 0o777)),
    "times": tried(lambda: os.utime(folder + "/secret")),
    "shorten": tried(lambda: os.truncate(folder + "/secret", 0)),
    "pipe": tried(lambda: os.mkfifo(folder + "/pipe")),
}
"""


def test_nothing_can_be_written(seccomp, folder):
    assert set(run(WRITES, folder).values()) == {"PermissionError"}
    assert sorted(path.name for path in folder.iterdir()) == ["elsewhere.ttf", "fonts", "secret"]
    assert (folder / "secret").read_text() == "a secret"
    assert (folder / "fonts" / "inner" / "a.ttf").read_text() == "a font"


REACHES = """
import ctypes
listener = socket.create_server(("127.0.0.1", 0))
parent, port = os.getppid(), listener.getsockname()[1]
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "no")

def fork():
    if os.fork() == 0:
        os._exit(0)

confinement.confine(WorkerLimits())
found = {
    "tcp": tried(lambda: socket.create_connection(("127.0.0.1", port))),
    "listen": tried(lambda: socket.create_server(("127.0.0.1", 0))),
    "accept": tried(listener.accept),
    "udp": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "netlink": tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "pair": tried(socket.socketpair),
    "fork": tried(fork),
    "exec": tried(lambda: os.execv(sys.executable, [sys.executable, "-c", "print(1)"])),
    "spawn": tried(lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})),
    "subprocess": tried(lambda: subprocess.run([sys.executable, "-c", ""])),
    "signal": tried(lambda: os.kill(parent, 0)),
    "all": tried(lambda: os.kill(-1, 0)),
    "priority": tried(lambda: os.setpriority(os.PRIO_PROCESS, parent, 19)),
    "limits": tried(lambda: __import__("resource").prlimit(parent, 7)),
    "memory file": tried(lambda: os.memfd_create("x")),
    "chroot": tried(lambda: os.chroot(folder)),
    "folder": tried(lambda: os.chdir(folder)),
    "user": tried(lambda: os.setuid(65534)),
    "ptrace": tried(lambda: call(SYS["ptrace"], 16, parent, 0, 0)),
    "read memory": tried(lambda: call(SYS["process_vm_readv"], parent, 0, 0, 0, 0, 0)),
    "io_uring": tried(lambda: call(425, 1, 0)),
    "bpf": tried(lambda: call(SYS["bpf"], 0, 0, 0)),
    "namespaces": tried(lambda: call(SYS["unshare"], 0x10000000)),
    "pidfd": tried(lambda: call(434, parent, 0)),
    "open_by_handle": tried(lambda: call(SYS["open_by_handle_at"], -100, 0, 0)),
    "openat2": tried(lambda: call(437, -100, 0, 0, 0)),
    "unfilter": tried(lambda: call(SYS["seccomp"], 0, 0, 0)),
}
"""
NUMBERS = {
    "x86_64": "dict(ptrace=101, process_vm_readv=310, bpf=321, unshare=272, "
    "open_by_handle_at=304, seccomp=317)",
    "aarch64": "dict(ptrace=117, process_vm_readv=270, bpf=280, unshare=97, "
    "open_by_handle_at=265, seccomp=277)",
}


def test_nobody_can_be_reached_and_nothing_started(seccomp, folder):
    numbers = NUMBERS[os.uname().machine]
    found = run(f"SYS = {numbers}" + REACHES, folder)
    assert {name: outcome for name, outcome in found.items() if outcome != "PermissionError"} == {}


def test_what_computing_needs_is_left(folder):
    found = run(
        """
confinement.confine(WorkerLimits(memory_bytes=400_000_000))
done = []
threads = [threading.Thread(target=lambda: done.append(bytes(1000))) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
caught = []
signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
os.kill(os.getpid(), signal.SIGUSR1)
import time
time.sleep(0.001)
os.write(1, b"")
found = {"threads": len(done), "signals": len(caught), "memory": len(bytearray(50_000_000)),
         "too much": tried(lambda: bytearray(500_000_000)), "random": len(os.urandom(4)),
         "limits": __import__("resource").getrlimit(7)[0], "clock": time.time() > 0}
""",
        folder,
    )
    expected = {"threads": 4, "signals": 1, "memory": 50_000_000, "too much": "MemoryError"}
    assert found == {**expected, "random": 4, "limits": 64, "clock": True}


def test_an_abort_still_ends_the_process(seccomp, folder):
    code = BEGIN.format(path=[str(ROOT)]) + "confinement.confine(WorkerLimits()); os.abort()"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], timeout=LONG, check=False)
    assert done.returncode == -6


@pdf_only
def test_fonts_of_the_system_can_be_read(landlock, tmp_path):
    if not list(Path("/usr/share/fonts").glob("**/DejaVuSans-Oblique.ttf")):
        pytest.skip("DejaVu Sans Oblique, which the document names, is not installed")
    body = """
from smolvlm_tools.images.policy import ImagePolicy
from smolvlm_tools.pages.opening import open_pages
from smolvlm_tools.sandbox.services import load_services
from tests.support.pdf_pages import lines, page
named = b"<</Type/Font/Subtype/TrueType/BaseFont/DejaVu#20Sans#20Oblique/Encoding/WinAnsiEncoding>>"
data = page(lines("The quick brown fox", size=24), fonts=named)
load_services()
confinement.FONTS = {fonts!r}
confinement.confine(WorkerLimits())
with open_pages(data) as pages:
    found = {{"drawn": pages.read(1).sha256}}
"""
    there = run(body.format(fonts=("/usr/share/fonts",)), tmp_path)
    absent = run(body.format(fonts=()), tmp_path)
    assert there["drawn"] != absent["drawn"]


def test_a_kernel_that_refuses_is_told_of(folder):
    found = run(
        """
from smolvlm_tools.sandbox import kernel, landlock, seccomp
def refuse(number, *arguments):
    raise OSError(38, "Function not implemented")
landlock.call = seccomp.call = refuse
confinement.confine(WorkerLimits())
state = confinement.confinement()
found = {"landlock": state.landlock, "seccomp": state.seccomp, "missing": state.missing}
open("/etc/passwd").close()
""",
        folder,
    )
    assert (found["landlock"], found["seccomp"]) == (0, False)
    assert "no Landlock" in found["missing"] and "no seccomp" in found["missing"]
