"""Fuzzes one entrance in this process, until it fails or the time is over.

    python -m benchmarks.fuzzing.child TARGET FOLDER SECONDS

Nothing of the package may be imported before atheris has put its marks into it.
"""

from __future__ import annotations

import sys

_INSTRUMENTED = ["smolvlm_tools", "PIL"]
_SECONDS, _MEGABYTES = 20, 3_000


def main(target: str, folder: str, seconds: str) -> None:
    """Ends the process: with 0 if all inputs were held."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.support.hostile.entrances import ENTRANCES, enter

        for seed in ENTRANCES[target].seeds():  # imports what is imported on demand
            enter(target, seed)

    def one(data: bytes) -> None:
        enter(target, data)

    arguments = [sys.argv[0], f"-artifact_prefix={folder}/", f"-timeout={_SECONDS}"]
    arguments += [f"-rss_limit_mb={_MEGABYTES}", f"-max_total_time={seconds}", "-max_len=65536"]
    atheris.Setup([*arguments, f"{folder}/corpus"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
