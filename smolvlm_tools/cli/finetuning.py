"""`smolvlm finetune`: the run, its progress, its summary."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.table import Column, Table

from ..errors import BadSamples, Cancelled
from ..machine.amounts import format_bytes, parse_bytes
from .console import Answers, note, progress_bar, report, reserve_stdout
from .finetune_options import DataWish, LearnOptions, RunWish

if TYPE_CHECKING:
    from ..finetune.planning import TrainingPlan
    from ..finetune.records import StepRecord
    from ..finetune.report.result import Report
    from ..finetune.session import Prepared, Wish


def run_finetune(
    data: Path, out: Path, run: RunWish, wishes: tuple[DataWish, LearnOptions], as_json: bool
) -> None:
    """Prepare, train and report; or plan alone.

    Raises:
        typer.Exit: Ctrl-C came while it trained.
    """
    from ..finetune import session
    from ..finetune.train import require_train_packages

    wish = _wish(data, out, run, *wishes)
    if not run.plan:
        require_train_packages()  # before an hour of reading
    with reserve_stdout() as answers:
        with progress_bar("fine-tuning") as show:
            prepared = _prepare(wish, lambda what, done, total: show(done, total, what))
        for text in prepared.split.notes:
            note(text)
        if run.plan:
            _print_plan(prepared.plan, answers, as_json)
            return
        note(_line(prepared.plan))
        with _kept_on_interrupt() as check, progress_bar("fine-tuning") as show:
            showing = _Showing(prepared, show, check)
            found = session.run(prepared, showing.step, showing.told)
        if found is not None:
            _print_report(found, out, answers, as_json)


def _wish(data: Path, out: Path, run: RunWish, reading: DataWish, learn: LearnOptions) -> Wish:
    from ..finetune.session import Wish

    held_out = reading.held_out()
    share = 0.0 if isinstance(held_out, Path) else held_out
    return Wish(
        model=run.model,
        data=data,
        out=out,
        options=learn.options(share),
        reading=reading.options(),
        validation=held_out if isinstance(held_out, Path) else None,
        revision=run.revision,
        local_files_only=run.offline,
        device=run.device,
        memory_budget=None if run.memory_budget is None else parse_bytes(run.memory_budget),
        answers=run.answers,
        tensorboard=run.tensorboard,
        resume=run.resume,
    )


def _prepare(wish: Wish, told: Callable[[str, int, int], None]) -> Prepared:
    from ..finetune.session import prepare

    try:
        return prepare(wish, told)
    except BadSamples as error:
        if len(error.faults) < 2:
            raise
        for fault in error.faults:  # each on a line of its own; the error then says how many
            report(fault)
        raise error.reworded(error.reason.partition(":")[0], error.remedy) from None


class _Showing:
    """What a person sees of a run while it goes."""

    def __init__(
        self,
        prepared: Prepared,
        show: Callable[[int, int | None, str], None],
        check: Callable[[], None],
    ) -> None:
        self._steps, self._show, self._check = prepared.plan.steps, show, check
        self._held_out = ""

    def step(self, record: StepRecord) -> None:
        """Take in a step; raises `Cancelled` after Ctrl-C."""
        if record.held_out_loss is not None:
            self._held_out = f", held out {record.held_out_loss:.3f}"
        speed = record.tokens / max(record.seconds, 1e-9)
        words = f"loss {record.loss:.3f}{self._held_out}, {speed:.0f} tokens/s"
        self._show(record.step, self._steps, words)
        self._check()

    def told(self, what: str, done: int, total: int) -> None:
        """Take in how many answers there are; raises `Cancelled` after Ctrl-C."""
        self._show(done, total, what)
        self._check()


@contextlib.contextmanager
def _kept_on_interrupt() -> Generator[Callable[[], None]]:
    """Have Ctrl-C end the run after the step it is in; yields what raises `Cancelled` then.

    A second one ends at once: the latest saved state stays.

    Raises:
        KeyboardInterrupt: Ctrl-C came, and the state is saved.
    """
    came: list[float] = []
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        if came:
            signal.signal(signal.SIGINT, before)
            signal.raise_signal(signal.SIGINT)
        came.append(time.monotonic())

    def check() -> None:
        if came:
            raise Cancelled("interrupted", "Run it again: it goes on.")

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    except Cancelled:
        note("what was learned is kept; the same command goes on from there")
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


def _line(plan: TrainingPlan) -> str:
    share = f"{plan.trained / plan.numbers:.1%}" if plan.method == "lora" else "all"
    return (
        f"{plan.samples} samples, {plan.held_out} held apart; {plan.steps} steps of "
        f"{plan.batch_size * plan.accumulate} samples, {share} of the weights learn, about "
        f"{format_bytes(plan.predicted_bytes)} of memory"
    )


def _print_plan(plan: TrainingPlan, answers: Answers, as_json: bool) -> None:
    if as_json:
        answers.json(plan.model_dump(mode="json"))
        return
    answers.prose(_line(plan))
    table = Table("part", Column("memory", justify="right"), title="planned peak")
    for name, count in plan.parts.items():
        table.add_row(name, format_bytes(count))
    table.add_row("peak (not all are there at once)", format_bytes(plan.predicted_bytes))
    answers.table(table)
    kept = "computed again for the gradient" if plan.checkpointing else "kept for the gradient"
    answers.prose(
        f"{plan.device}, {plan.arithmetic}, {plan.method}; the longest sample has {plan.longest} "
        f"tokens, {plan.tiles} tiles; at most {plan.answers} of its tokens are learned; "
        f"activations are {kept}"
    )


def _print_report(found: Report, out: Path, answers: Answers, as_json: bool) -> None:
    if as_json:
        answers.json({**found.as_json(), "folder": str(out)})
        return
    if found.held_out_loss is None:
        answers.prose("nothing was held apart: what the run is worth was not measured")
    else:
        first, last = found.held_out_loss
        answers.prose(f"held-out loss {first:.3f} → {last:.3f}")
    if found.answers:
        before, after = found.before, found.after
        answers.prose(
            f"exactly right {before.exact:.3f} → {after.exact:.3f}, ANLS {before.anls:.3f} → "
            f"{after.anls:.3f}, of {len(found.answers)} held-out answers"
        )
    for text in found.notes:
        note(text)
    adapter = out / "adapter"
    use = f"-m {found.model} --adapter {adapter}" if adapter.is_dir() else f"-m {out}/checkpoint"
    answers.line(f"{out / 'report.md'}: the report; use the model with {use}")
