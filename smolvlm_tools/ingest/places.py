"""Where a run writes: an output and a ledger, locked against other runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import BadOptions, Busy
from ..machine.full_disk import full_disk
from .ledger import Ledger
from .output import JsonLines, Output
from .parquet import ParquetFile, ParquetFolder

_PARQUET = ".parquet"


def open_places(
    stack: ExitStack, out: str | os.PathLike[str], ledger: str | os.PathLike[str] | None
) -> tuple[Output, Ledger]:
    """The output and the ledger, which the stack closes.

    Args:
        out: a .jsonl or .parquet file; a folder for records.jsonl; or a folder of Parquet parts,
            whose name ends in `.parquet/`.
        ledger: the ledger's file; beside the output when None.

    Raises:
        BadOptions: they cannot be written, or hold something else.
        StoreFull: the disk is full.
        Busy: another run writes to `out`.
    """
    place = Path(os.path.realpath(out))  # what is replaced is the file, not a link to it
    is_folder = place.is_dir() or os.fspath(out).endswith(("/", os.sep))
    if (is_folder and place.suffix != _PARQUET) or not place.suffix:
        with full_disk(place):
            place.mkdir(parents=True, exist_ok=True)
        place, is_folder = place / "records.jsonl", False
    open_output = _OUTPUTS.get(place.suffix)
    if open_output is None:  # said before there is a lock file
        raise BadOptions(
            f"{str(place)!r} is of no kind that is written", "Name a .jsonl or .parquet file."
        )
    lock = FileLock(f"{place}.lock", timeout=0)
    with full_disk(place):
        try:
            stack.enter_context(lock)
        except Timeout:  # an OSError, too
            raise Busy(
                f"another run is writing to {str(place)!r}", "Wait for it, or name another file."
            ) from None
    output = stack.enter_context(open_output(place, is_folder))
    return output, stack.enter_context(Ledger(ledger or f"{place}.ledger"))


def _lines(path: Path, is_folder: bool) -> Output:
    return JsonLines(path)


def _parquet(path: Path, is_folder: bool) -> Output:
    return ParquetFolder(path) if is_folder else ParquetFile(path)


_OUTPUTS: dict[str, Callable[[Path, bool], Output]] = {
    ".jsonl": _lines,
    ".ndjson": _lines,
    _PARQUET: _parquet,
}
"""What opens an output, by the suffix of its name; also told whether it is a folder."""
