"""`smolvlm doctor --verify`: reads every file of the models in full."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..checkpoint.verify import RIGHT, UNKNOWN, WRONG, ModelCheck, find_places, verify
from .console import Answers, clean, progress_bar, reserve_stdout
from .process import NO_MODEL

MEGABYTE = 1_000_000


def print_verified(model: str | None, as_json: bool) -> None:
    """Verify one model, or all that are here, and print what is wrong.

    Raises:
        ModelNotFound: the model is not here.
        typer.Exit: with 4, if a file is not as it should be.
    """
    with reserve_stdout() as answers:
        checks = _verify_all(model)
        if as_json:
            models = [{**asdict(check), "right": check.right} for check in checks]
            answers.json({"right": all(check.right for check in checks), "models": models})
        else:
            for check in checks:
                _print(check, answers)
    if not all(check.right for check in checks):
        raise typer.Exit(NO_MODEL)


def _verify_all(model: str | None) -> list[ModelCheck]:
    places = find_places(model)
    total, done, checks = sum(place.bytes for place in places), 0, list[ModelCheck]()
    with progress_bar("reading MB") as show:

        def tick(count: int) -> None:
            nonlocal done
            done += count
            show(done // MEGABYTE, max(total // MEGABYTE, 1), "")

        checks.extend(verify(place, tick) for place in places)
    return checks


def _print(check: ModelCheck, answers: Answers) -> None:
    by_state = {
        state: [file for file in check.files if file.state == state]
        for state in (RIGHT, UNKNOWN, WRONG)
    }
    counts = [
        f"{len(files)} {word}"
        for state, word in ((RIGHT, "right"), (UNKNOWN, "without a known digest"), (WRONG, "wrong"))
        if (files := by_state[state])
    ]
    at = f" at {check.revision[:12]}" if check.revision else ""
    answers.prose(clean(f"{check.model}{at}: {', '.join(counts) or 'no files'}"))
    for file in by_state[WRONG]:
        detail = file.detail if file.detail.startswith(file.name) else f"{file.name}: {file.detail}"
        answers.prose(clean(f"  wrong: {detail}"))
    for name in check.leftovers:
        answers.prose(
            clean(f"  left by an export that was killed: {name} (the next export removes it)")
        )
