"""From what a person names to rows: a file by its content, a folder by what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import BadSamples
from .csv_rows import find_csv_rows
from .folder import METADATA, CaptionedImages
from .json_rows import find_json_elements, find_json_lines
from .options import DataOptions
from .rows import Rows, unreadable

_HEAD = 4096
_TABLES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Opened:
    """Rows of a data file or folder.

    Attributes:
        folder: where its relative paths start.
        tabular: whether its rows are a table's.
    """

    rows: Rows
    folder: Path
    tabular: bool


def open_data(path: Path, options: DataOptions) -> Opened:
    """Find the rows.

    Raises:
        BadSamples: nothing is there, it cannot be read, or there are no rows in it.
    """
    if path.is_dir():
        opened = _open_folder(path, options)
    else:
        if options.format == "folder":
            raise BadSamples(f"{str(path)!r} is no folder", "Name the folder of the images.")
        opened = _open_file(path)
    if not len(opened.rows):
        raise BadSamples(f"{str(path)!r} has no samples", "Write one a line; see docs/finetune.md.")
    if options.image_folder is not None:
        return Opened(opened.rows, options.image_folder, opened.tabular)
    return opened


def _open_folder(path: Path, options: DataOptions) -> Opened:
    found = [path / name for name in METADATA if (path / name).is_file()]
    if len(found) > 1:
        raise BadSamples(f"{str(path)!r} has both {' and '.join(METADATA)}", "Name one of them.")
    if options.format != "folder" and found:
        return _open_file(found[0])
    return Opened(CaptionedImages(path), path, tabular=True)


def _open_file(path: Path) -> Opened:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    except FileNotFoundError:
        raise BadSamples(f"no file at {str(path)!r}", "Check the path.") from None
    except OSError as error:
        raise unreadable(path, error) from error
    if path.suffix.lower() in _TABLES:
        return Opened(find_csv_rows(path), path.parent, tabular=True)
    if head.startswith(b"["):
        return Opened(find_json_elements(path), path.parent, tabular=False)
    if head.startswith(b"{"):
        return Opened(find_json_lines(path), path.parent, tabular=False)
    if not head:
        raise BadSamples(f"{str(path)!r} is empty", "Write one sample a line.")
    raise BadSamples(
        f"{str(path)!r} is neither JSON Lines, a JSON array nor named .csv or .tsv",
        "Write one JSON object on each line; docs/finetune.md shows the forms.",
    )
