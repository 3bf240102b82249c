"""A data file, read once and checked, and divided into what is learned and what is held apart."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import BadOptions, BadSamples, InputError
from ...images import ImagePolicy, KnownImages
from ..samples import Sample, Split
from .forms import Read, reader_of
from .looking import Looking, SeenImage, sources_of
from .opening import open_data
from .options import DataOptions
from .rows import Rows
from .split import held_out
from .turns import check_turns

Progress = Callable[[int, int], None]
"""Called with how many rows have been read, and how many there are."""


class ReadSamples:
    """Samples of a data file by the numbers of their rows; see `Samples`."""

    def __init__(self, rows: Rows, read: Read, numbers: Sequence[int]) -> None:
        self._rows, self._read, self._numbers = rows, read, array("Q", numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Sample:
        number = self._numbers[index]
        return Sample(self._read(self._rows[number]), self._rows.place(number))

    def some(self, numbers: Sequence[int]) -> ReadSamples:
        """Those that stand at some of the places of this one."""
        return ReadSamples(self._rows, self._read, [self._numbers[at] for at in numbers])


@dataclass(slots=True)
class Checked:
    """All samples of a file that can be used.

    Attributes:
        images: digests of the images of each, or that of its text where it has none.
        faults: rows that cannot be used, with the reason.
    """

    samples: ReadSamples
    images: list[tuple[bytes, ...]]
    faults: list[str] = field(default_factory=list[str])
    without_image: int = 0
    blank: int = 0


def read_split(
    data: Path,
    options: DataOptions | None = None,
    *,
    validation: float | Path = 0.1,
    progress: Progress | None = None,
    known: KnownImages | None = None,
) -> Split:
    """Read and check all samples, and hold some of them apart.

    Args:
        data: a file of messages, prompt and completion, conversations (sharegpt), instructions
            (alpaca), or a table (JSONL, JSON array, CSV, TSV); a folder of images with captions.
        validation: the part that is held apart, 0 to less than 1, in such a way that no image is
            on both sides and that the order of the rows doesn't matter; or a file of its own.
        known: is told of every image; see `Looking`.

    Raises:
        BadSamples: rows cannot be used (their places and reasons are named), or none is left.
        BadOptions: an impossible option.
    """
    options = options or DataOptions()
    if not isinstance(validation, Path) and not 0 <= validation < 1:
        raise BadOptions(f"`validation={validation:g}` is no share", "Give 0 to less than 1.")
    looking = Looking(ImagePolicy(), known)
    checked = _read(data, options, looking, progress)
    notes = _notes(data, checked)
    if isinstance(validation, Path):
        apart = _read(validation, options, looking, progress)
        notes += [*_notes(validation, apart), *_both(checked, apart)]
        return Split(checked.samples, apart.samples, tuple(notes))
    left, right = held_out(checked.images, validation)
    if validation and not right:
        notes.append("nothing is held apart: all samples are about the same images")
    return Split(checked.samples.some(left), checked.samples.some(right), tuple(notes))


def _read(path: Path, options: DataOptions, looking: Looking, progress: Progress | None) -> Checked:
    opened = open_data(path, options)
    rows = opened.rows
    _, read = reader_of(_first(rows, options), opened.folder, options, tabular=opened.tabular)
    numbers, found = list[int](), Checked(ReadSamples(rows, read, ()), [])
    for number in range(len(rows)):
        try:
            images = _look(rows, read, number, looking, found)
        except InputError as error:
            found.faults.append(f"{rows.place(number)}: {error}")
        else:
            numbers.append(number)
            found.images.append(images)
        if progress is not None:
            progress(number + 1, len(rows))
    found.samples = ReadSamples(rows, read, numbers)
    _refuse(path, found, len(rows), options)
    return found


def _first(rows: Rows, options: DataOptions) -> dict[str, object]:
    """The first row that is one; where all are bad the first says why."""
    fault = None
    for number in range(len(rows)):
        try:
            return dict(rows[number])
        except BadSamples as error:
            fault = fault or BadSamples(f"{rows.place(number)}: {error.reason}", error.remedy)
    assert fault is not None
    raise fault


def _look(
    rows: Rows, read: Read, number: int, looking: Looking, found: Checked
) -> tuple[bytes, ...]:
    messages = read(rows[number])
    check_turns(messages)
    seen: list[SeenImage] = [looking.at(source) for source in sources_of(messages)]
    found.blank += sum(image.is_blank for image in seen)
    if seen:
        return tuple(image.digest for image in seen)
    found.without_image += 1
    return (repr(messages).encode(),)


def _refuse(path: Path, found: Checked, rows: int, options: DataOptions) -> None:
    faults = found.faults
    if faults and not (options.skip_bad and len(found.samples)):
        shown = tuple(faults[: options.shown])
        more = f"; and {len(faults) - len(shown)} more" if len(faults) > len(shown) else ""
        remedy = "Mend them, or leave them out by `skip_bad`."
        if len(faults) == rows:
            remedy = "No row is left: see docs/finetune.md for the forms."
        raise BadSamples(
            f"{len(faults)} of {rows} rows of {str(path)!r} cannot be learned from: "
            f"{'; '.join(fault.rstrip('.') for fault in shown)}{more}",
            remedy,
            shown,
            len(faults),
        )


def _notes(path: Path, found: Checked) -> list[str]:
    notes: list[str] = []
    if found.faults:
        notes.append(f"{path.name}: {len(found.faults)} rows left out, the first {found.faults[0]}")
    if found.without_image:
        notes.append(f"{path.name}: {found.without_image} of {len(found.samples)} have no image")
    if found.blank:
        notes.append(f"{path.name}: {found.blank} images show nothing")
    return notes


def _both(training: Checked, apart: Checked) -> list[str]:
    known = {digest for images in training.images for digest in images}
    count = sum(any(digest in known for digest in images) for images in apart.images)
    if not count:
        return []
    return [
        f"{count} of {len(apart.samples)} held-out samples are about images that are learned from: "
        "scores on them say little"
    ]
