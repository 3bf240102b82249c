"""Paths that an agent may not read, and files that are no files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from smolvlm_tools.errors import (
    BadArguments,
    BadEncoding,
    CorruptImage,
    ImageNotFound,
    PathNotAllowed,
    UnsupportedFormat,
    UrlNotAllowed,
)
from tests.support.broken_images import PNG

from .case import WORKS, Case, Sent, codes

GOOD = "good.png"
"""A picture in the folder that may be read."""

_NO = codes(PathNotAllowed, ImageNotFound, UrlNotAllowed, BadArguments, BadEncoding)
_READ = codes(WORKS)


def lay_traps(place: Path) -> Path:
    """Make the folder in which whoever is attacked stands; returns it, with `GOOD` in it.

    Beside it, as "img-evil", is what may not be read.
    """
    inside, outside = place / "img", place / "img-evil"
    for folder in (inside, outside, inside / "sub"):
        folder.mkdir(parents=True)
        (folder / GOOD).write_bytes(PNG)
    (outside / "secret.png").write_bytes(PNG)
    (inside / "out.png").symlink_to(outside / "secret.png")
    (inside / "folder").symlink_to(outside)
    (inside / "loop.png").symlink_to(inside / "loop.png")
    (inside / "environ.png").symlink_to("/proc/self/environ")
    (inside / "in.png").symlink_to(inside / GOOD)
    (inside / "gone.png").symlink_to(inside / "nothing")
    (inside / "zero.png").symlink_to("/dev/zero")
    (inside / "empty.png").touch()
    (inside / "locked.png").write_bytes(PNG)
    (inside / "locked.png").chmod(0)
    (inside / "\u202egnp.exe.png").write_bytes(PNG)
    with open(inside / "sparse.png", "wb") as sparse:
        sparse.truncate(50_000_000_000)
    os.mkfifo(inside / "fifo.png")
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server, suppress(OSError):
        os.chdir(inside)  # the path of a socket has to be short
        server.bind("socket.png")
        os.chdir(before)
    return inside


_OUTSIDE = (
    "../img-evil/secret.png",
    "sub/../../img-evil/secret.png",
    "./.././img-evil/./secret.png",
    "..//img-evil//secret.png",
    "%2e%2e/img-evil/secret.png",
    "..%2fimg-evil%2fsecret.png",
    "..\\img-evil\\secret.png",
    "out.png",
    "folder/secret.png",
    "folder/../img-evil/secret.png",
    "environ.png",
    "zero.png",
    "/etc/passwd",
    "/etc/hostname",
    "//etc/passwd",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/../img-evil/secret.png",
    "/proc/self/fd/0",
    "/proc/1/environ",
    "/dev/stdin",
    "/dev/fd/0",
    "/dev/zero",
    "/dev/random",
    "/dev/full",
    "/dev/tty",
    "/sys/kernel/notes",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "file:/etc/passwd",
    "file:///proc/self/environ",
    "FILE:///etc/passwd",
    "file://server/share/a.png",
    "file:///..%2f..%2fetc/passwd",
    "\\\\server\\share\\a.png",
    "//server/share/a.png",
    "~/a.png",
    "~root/.ssh/id_rsa",
    "$HOME/a.png",
    "good\0.png",
    "file:///good%00.png",
    "good.png/../good.png/x",
    ".",
    "..",
    "/",
    "sub",
    "gone.png",
    "loop.png",
    "C:\\Windows\\win.ini",
    "CON",
    "\ud800.png",
    "good\udcff.png",
    "a" * 300 + ".png",
    "a/" * 3_000 + "a.png",
    "../" * 5_000 + "etc/passwd",
    " ",
    "\t\n",
    "\x1b[2J.png",
    "\u202egnp.secret",
    "-rf",
    "--help",
    "|id",
    "`id`.png",
    "$(id).png",
    "img:0123456789abcdef",
    "img:",
    "img:a" + " " * 20_000 + "b",
    "img:" + "a" * 100_000,
    "img:../../etc/passwd",
    "smolvlm://images/../../etc/passwd",
    "smolvlm://images/",
    "smolvlm://images/" + "0" * 64,
    "s3://bucket/a.png",
    "memory://a.png",
    "github://org:repo@/a.png",
    "zip://a.png::file:///etc/passwd",
    "simplecache::file:///etc/passwd",
)
_ODD = {
    "a" * 1_000_000: _NO | codes(UnsupportedFormat),  # base64 text, too
    "good.png\0.txt": _NO | codes(UnsupportedFormat),  # a chat message: a text file
    "good.png/": _NO | {WORKS},  # a `Path` drops the stroke
    "fifo.png": codes(PathNotAllowed),
    "socket.png": codes(PathNotAllowed, ImageNotFound),
    "empty.png": codes(CorruptImage),
    "sparse.png": codes("image_too_large"),
    "locked.png": codes(WORKS, PathNotAllowed),  # root may read it
    "in.png": _READ,
    "sub/good.png": _READ,
    "sub/../good.png": _READ,
    "\u202egnp.exe.png": _READ,
}
_CONTENT = codes(UnsupportedFormat, CorruptImage)


def cases() -> Iterator[Case]:
    for path in _OUTSIDE:
        yield Case(f"path {_shown(path)}", "path", _sending(path), _NO)
    for path, allowed in _ODD.items():
        more = _CONTENT if WORKS not in allowed else frozenset()
        name = f"path {_shown(path)}"
        yield Case(name, "path", _sending(path), allowed, trusted=allowed | more)


def _sending(path: str):
    return lambda: Sent(text=path)


def _shown(path: str) -> str:
    told = path.encode("unicode_escape").decode()
    return told if len(told) <= 50 else f"{told[:40]}… of {len(path):,}"
