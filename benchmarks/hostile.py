"""Sends every hostile input through every way into the package, and tells what is not held.

    python -m benchmarks.hostile                                  # everything, about an hour
    python -m benchmarks.hostile --surface python,mcp-http        # some surfaces
    python -m benchmarks.hostile --only "slow progressive JPEG"   # one case, or those that contain
    python -m benchmarks.hostile --bombs                          # the bombs of documents instead
    python -m benchmarks.hostile --list

A case is held if the answer is a typed error or the right result, takes at most 2 s of processor
time and 256 MiB more memory of the service's own process, reaches no forbidden address, and the
next good request works. Exit code 1 says that one was not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.command import FAILED, Command, comma_list, notice
from benchmarks.tables import markdown_table
from smolvlm_tools.errors import BadOptions
from tests.support.hostile.case import Case
from tests.support.hostile.catalogue import SURFACES, bombs, catalogue
from tests.support.hostile.report import row_of, summary_rows
from tests.support.hostile.trial import Attack, Bounds, Outcome, a_place

FOR_BOMBS = Bounds(seconds=25)


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases that the options name."""
    cases = bombs() if options.bombs else catalogue()
    if options.only in cases:
        return [cases[options.only]]
    found = [case for name, case in cases.items() if options.only.lower() in name.lower()]
    if options.kind:
        found = [case for case in found if case.kind in options.kind]
    if not found:
        raise BadOptions(f"no case is called {options.only!r}", "See --list.")
    return found[options.skip :: options.every]


def attack(surfaces: Iterable[str], cases: list[Case], bounds: Bounds) -> Iterator[Outcome]:
    """All outcomes, one surface after the other."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        with a_place(Path(folder)) as (place, trap):
            for surface in surfaces:
                attacked = Attack(surface, place, trap, bounds)
                try:
                    yield from attacked.run(cases)
                finally:
                    attacked.close()


def _run(options: argparse.Namespace) -> int:
    cases = chosen(options)
    if options.list:
        print("\n".join(f"{case.kind:10} {case.name}" for case in cases))
        return 0
    unknown = set(options.surface) - set(SURFACES)
    if unknown:
        raise BadOptions(f"no surface {sorted(unknown)[0]!r}", f"Use {', '.join(SURFACES)}.")
    outcomes: list[Outcome] = []
    bounds = FOR_BOMBS if options.bombs else Bounds()
    for outcome in attack(options.surface, cases, bounds):
        outcomes.append(outcome)
        if not outcome.is_held or options.verbose:
            notice(row_of(outcome))
            if outcome.raw and not outcome.is_held:
                notice(outcome.raw)
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        head, rows = summary_rows(outcomes)
        print(markdown_table(head, rows, 1))
    return 0 if all(outcome.is_held for outcome in outcomes) else FAILED


main = Command("hostile", __doc__, _run)
main.add_argument("--surface", type=comma_list, default=tuple(SURFACES), help="comma-separated")
main.add_argument("--only", default="", help="a case, or a part of names")
main.add_argument("--kind", type=comma_list, default=(), help="image, document, path, …")
main.add_argument("--every", type=int, default=1, help="take each N-th case")
main.add_argument("--skip", type=int, default=0, help="leave out the first")
main.add_argument("--bombs", action="store_true", help="documents that may take 20 s and 1 GB")
main.add_argument("--list", action="store_true", help="name the cases")
main.add_argument("--verbose", action="store_true", help="a line for each case, also if held")
main.add_argument("--json", action="store_true", help="all outcomes")

if __name__ == "__main__":
    sys.exit(main())
