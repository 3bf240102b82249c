"""Records as Parquet: one file, or a folder of parts.

`records.parquet` is one file. A run adds its records in parts, in `records.parquet.parts/`, and at
its end merges all into the file, which is replaced at once. Where the name ends in a slash
(`records.parquet/`) or a folder is there, that folder keeps the parts, as other programs that read
folders of Parquet expect.

A part is whole or not there: it is written beside its place, then renamed. Records that wait for
their part are in the ledger already (see `Keeper.finish`), so a run that is killed loses none:
the next one writes them. `columns` shows the rows.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BadOptions
from ..machine.full_disk import full_disk
from .columns import VERSION_KEY, pyarrow, raw, record_of, schema, table_of
from .output import Output, Written
from .record import VERSION, Record

ROWS = 1000
"""Records of a part, and of a group of rows in a file."""

_COLUMNS = ["id", "source", "error.code"]
_TEMPORARY = ".part"
_NUMBER = re.compile(r"part-(\d+)\.parquet")


class ParquetFolder(Output):
    """A folder of parts.

    Args:
        path: the folder; it is made where there is none.
        rows: records that wait in memory for their part.

    Raises:
        BadOptions: pyarrow is not installed, or the folder has Parquet that is not records of this
            version.
        StoreFull: the disk is full; every method may raise it.
    """

    def __init__(self, path: Path, rows: int = ROWS) -> None:
        self.path, self._rows = path, rows
        self._waiting: list[Record] = []
        pyarrow()
        with full_disk(path):
            path.mkdir(parents=True, exist_ok=True)
            for left in path.glob(f"part-*.parquet{_TEMPORARY}"):
                left.unlink()  # a kill cut it off
        for part in self._files():
            check(part)

    def written(self) -> Iterator[Written]:
        for part in self._files():
            yield from stand_in(part)

    def write(self, record: Record) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= self._rows:
            self._flush()

    def settle(self, is_stale: Callable[[Written], bool]) -> int:
        self._flush()
        last, count = self._last(is_stale)
        dropped = count - len(last)
        place = 0
        for part in self._files() if dropped else []:
            ids = [about.id for about in stand_in(part)]
            keep = [last.get(each) == place + n for n, each in enumerate(ids)]
            place += len(ids)
            if not any(keep):
                part.unlink()
            elif not all(keep):
                write_file(part, iter([pyarrow().parquet.read_table(part).filter(keep)]))
        return dropped

    def close(self) -> None:
        self._flush()

    def _files(self) -> list[Path]:
        """All files with records, the older first."""
        return sorted(self.path.glob("*.parquet"))

    def _last(self, is_stale: Callable[[Written], bool]) -> tuple[dict[str, int], int]:
        """Where each id that is to stay stands last, and how many records stand there."""
        last: dict[str, int] = {}
        count = 0
        for count, about in enumerate(self.written(), 1):
            last[about.id] = -1 if is_stale(about) else count - 1
        return {each: place for each, place in last.items() if place >= 0}, count

    def _flush(self) -> None:
        if not self._waiting:
            return
        with full_disk(self.path):
            self.path.mkdir(exist_ok=True)
            names = [_NUMBER.fullmatch(path.name) for path in self.path.iterdir()]
        numbers = [int(name[1]) for name in names if name]
        part = self.path / f"part-{max(numbers, default=0) + 1:08}.parquet"
        write_file(part, iter([table_of(self._waiting)]))
        self._waiting = []


class ParquetFile(ParquetFolder):
    """One file, with parts beside it while a run lasts.

    Args:
        path: the file.
        rows: records that wait in memory for their part.

    Raises:
        BadOptions: pyarrow is not installed, or the file holds something else.
        StoreFull: the disk is full; every method may raise it.
    """

    def __init__(self, path: Path, rows: int = ROWS) -> None:
        self.file = path
        super().__init__(path.with_name(f"{path.name}.parts"), rows)
        with full_disk(path):
            temporary(path).unlink(missing_ok=True)

    def settle(self, is_stale: Callable[[Written], bool]) -> int:
        self._flush()
        last, count = self._last(is_stale)
        dropped = count - len(last)
        if dropped or self._files() != [self.file]:
            write_file(self.file, self._kept(last))
        with full_disk(self.path):
            if self.path.exists():
                shutil.rmtree(self.path)
        return dropped

    def _files(self) -> list[Path]:
        return [*([self.file] if self.file.exists() else []), *super()._files()]

    def _kept(self, last: dict[str, int]) -> Iterator[Any]:
        """The records that stay, in tables of `ROWS` rows."""
        pa = pyarrow()
        waiting: list[Any] = []
        place = 0
        for path in self._files():
            for batch in batches(path):
                ids = batch.column("id").to_pylist()
                keep = [last.get(each) == place + n for n, each in enumerate(ids)]
                place += len(ids)
                waiting.append(batch.filter(pa.array(keep, pa.bool_())))
                if sum(each.num_rows for each in waiting) >= ROWS:
                    yield pa.Table.from_batches(waiting)
                    waiting = []
        yield pa.Table.from_batches(waiting, schema())


def read_parquet(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The records of a Parquet file, or of a folder of parts.

    Raises:
        BadOptions: it holds something else.
    """
    place = Path(path)
    for file in sorted(place.glob("*.parquet")) if place.is_dir() else [place]:
        check(file)
        for batch in batches(file):
            for row in batch.to_pylist():
                yield record_of(row)


def check(path: Path) -> None:
    """Refuse a file that is not records of this version.

    Raises:
        BadOptions: it is not.
    """
    pa = pyarrow()
    remedy = "Name another place."
    try:
        found = pa.parquet.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise BadOptions(f"{str(path)!r} cannot be read as Parquet ({error})", remedy) from error
    version = (found.metadata or {}).get(VERSION_KEY)
    if version != str(VERSION).encode():
        said = f"of version {version.decode()}, this is {VERSION}" if version else "something else"
        raise BadOptions(f"{str(path)!r} holds {said}", remedy)


def stand_in(path: Path) -> Iterator[Written]:
    """What stands in a file."""
    for batch in batches(path, _COLUMNS):
        for row in batch.to_pylist():
            yield Written(row["id"], raw(row["source"]), row["error"] is not None)


def batches(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """A file's rows, `ROWS` or less at a time."""
    with pyarrow().parquet.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS, columns=columns)


def write_file(path: Path, tables: Iterator[Any]) -> None:
    """Write a file that is whole, or leave what is there."""
    with full_disk(path), _replacing(path) as file:
        with pyarrow().parquet.ParquetWriter(file, schema(), compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)


@contextmanager
def _replacing(path: Path) -> Generator[Any]:
    """A file beside the place, which takes it when all is written."""
    part = temporary(path)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:  # Ctrl-C too: nothing half-written stays behind
        part.unlink(missing_ok=True)
        raise


def temporary(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(path.name + _TEMPORARY)
