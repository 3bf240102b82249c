"""Run stage by stage in a process of its own: prints what Python's audit hook saw of each stage.

    python audited.py FOLDER < stages.json

stages.json is a list of [name, code]; FOLDER is the checkout, whose files may be run. Events:
https://docs.python.org/3/library/audit_events.html.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig

WATCHED = (
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "pty.spawn",
    "pickle.",
    "shelve.",
    "socket.",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
    "webbrowser.",
    "cpython.run_",
)
HARMLESS = ("socket.__new__", "socket.gethostname")
"""No byte leaves for these: a socket that is connected or sends is seen as such."""


def watch(folder: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Begin to watch; gives a place for the stage's name, and what each stage was seen to do."""
    known = [folder, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))]
    known = [os.path.join(os.path.realpath(path), "") for path in known]
    stage, seen = {"name": ""}, {}

    def hook(event: str, details: tuple[object, ...]) -> None:
        if event == "exec":
            name = getattr(details[0], "co_filename", "?")
            made = name.startswith("<")  # code that a library makes of text of its own
            if made or os.path.realpath(name).startswith(tuple(known)):
                return
            shown = f"exec {name}"
        elif event == "open":
            name, _mode, flags = details
            writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
            if not isinstance(flags, int) or not flags & writes or name == os.devnull:
                return
            shown = f"open for writing {name!r}"
        elif event.startswith(WATCHED) and event not in HARMLESS:
            shown = f"{event} {details!r}"
        else:
            return
        seen.setdefault(stage["name"], []).append(shown[:300])

    sys.addaudithook(hook)
    return stage, seen


def main() -> None:
    """Run the stages of standard input, and print what each did."""
    stages = json.load(sys.stdin)
    stage, seen = watch(sys.argv[1])
    names: dict[str, object] = {}
    for stage["name"], code in stages:
        exec(compile(code, f"<{stage['name']}>", "exec"), names)
    stage["name"] = "end"
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
