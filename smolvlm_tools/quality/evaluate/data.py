"""From what a user names to samples, and how they are asked and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import BadOptions
from ...images import ImageSource
from . import forms, prompts
from .fetching import Report, check_whole, fetch_from_hub, fetch_table
from .hub_rows import ParquetSource, ReadRow
from .own import Columns, check_metric, read_own
from .samples import Sample, Source
from .tasks import BENCHMARKS, METRICS, NO_JUDGE, Benchmark
from .tsv import TsvSource

HUB = "hub"
"""As data: the hub's parquet files instead of VLMEvalKit's table."""


@dataclass(frozen=True, slots=True)
class DataWish:
    """Which samples, and where they are.

    Attributes:
        task: name of a benchmark, or a user's file or folder.
        data: of a benchmark: "" to fetch VLMEvalKit's table, "hub" to fetch the hub's parquet
            files, or the path of a file, or of a folder of parquet files, that is here already.
        metric: of a user's file; "" for "exact".
        columns: of a user's file.
        offline: whether nothing may be fetched.
    """

    task: str
    data: str = ""
    metric: str = ""
    columns: Columns = field(default_factory=Columns)
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """Samples, and what is done with them."""

    task: Benchmark
    title: str
    source: Source


def open_data(wish: DataWish, report: Report = lambda done, total: None) -> Data:
    """Find, fetch and look through the data.

    Raises:
        BadOptions: an unknown name, or a file that cannot be used.
        FetchFailed: it cannot be fetched, or some files of it are missing.
    """
    task = BENCHMARKS.get(wish.task)
    if task is None:
        return _own(wish)
    if wish.metric or wish.columns != Columns():
        raise BadOptions(
            f"{task.name} has its own metric and columns", "Leave them out, or name a file."
        )
    if wish.data == HUB and task.hub:
        paths = fetch_from_hub(task.hub, wish.offline, report)
        return Data(task, f"{task.hub.id} of the hub", _parquet(task, paths))
    if not wish.data:
        path = fetch_table(task, wish.offline, report)
        return Data(task, task.title, TsvSource(path, task.table, task.split))
    path = Path(wish.data)
    if path.is_dir() or path.suffix == ".parquet":
        return Data(task, path.name, _parquet(task, _parquet_files(path)))
    return Data(task, path.name, TsvSource(path, task.table, task.split))


def _own(wish: DataWish) -> Data:
    path = Path(wish.task)
    if not path.exists():
        raise BadOptions(
            f"{wish.task!r} is neither a benchmark nor a file",
            f"Name one of {', '.join(BENCHMARKS)}, or a file of your own.",
        )
    if wish.data:
        raise BadOptions(f"{wish.task!r} is the data itself", "Leave one of the two out.")
    metric = wish.metric or "exact"
    if metric not in METRICS:
        raise BadOptions(f"unknown metric {metric!r}", f"Use one of {', '.join(METRICS)}.")
    task = Benchmark(
        *(path.name, path.name, metric, METRICS[metric], prompts.plain),
        differences=(NO_JUDGE,) if metric == "choice" else (),
        resolution=None,
    )
    source: Source
    if path.suffix == ".tsv":
        source = TsvSource(path, _checked(forms.table_row, metric))
    elif path.suffix == ".parquet":
        source = ParquetSource(
            [path], _checked(_own_row(wish.columns), metric), (wish.columns.image,)
        )
    else:
        source = read_own(path, metric, wish.columns)
    return Data(task, path.name, source)


def _checked(form: ReadRow, metric: str) -> ReadRow:
    """A form that refuses samples that the metric cannot score."""

    def read(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
        sample = form(row, images)
        try:
            check_metric(metric, sample.answers, sample.options)
        except BadOptions as error:
            raise BadOptions(f"row {sample.id}: {error.reason}", error.remedy) from None
        return sample

    return read


def _own_row(columns: Columns) -> ReadRow:
    def read(row: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
        return forms.own_row(row, images, columns.question, columns.answer)

    return read


def _parquet(task: Benchmark, paths: list[Path]) -> ParquetSource:
    if task.hub is None:
        raise BadOptions(f"{task.name} has no parquet form", "Name its table.")
    return ParquetSource(paths, task.hub.form, task.hub.images)


def _parquet_files(path: Path) -> list[Path]:
    found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not found:
        raise BadOptions(f"{str(path)!r} has no .parquet files", "Name a folder that has them.")
    check_whole(found)
    return found
