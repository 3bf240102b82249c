"""How far a run has come, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .record import Record
from .second_reader import LOW_AGREEMENT
from .units import Unit


@dataclass
class Summary:
    """Counts of a run; while it lasts, of its progress.

    Attributes:
        files, total_files: done, and found so far; None while they are not counted yet.
        pages: done in this run or before it.
        records: of all of them; `written` of them in this run, the others stood there.
        errors: records of what went wrong; `faults` has their codes and how many of each.
        known: pages that an earlier run had done.
        duplicates: pages of files whose content another file had before them.
        blank: pages and pictures that show nothing, and cost no model time.
        held_back: pages whose transcription's agreement is below `min_agreement`.
        layer, model: pages whose text came from their text layer, and that the model looked at.
        completion_tokens: that the model wrote in this run.
        dropped: records of an earlier run that were taken out: their file has changed, or was
            ingested in another way.
        seconds: of the run.
    """

    files: int = 0
    total_files: int | None = None
    pages: int = 0
    records: int = 0
    written: int = 0
    errors: int = 0
    faults: dict[str, int] = field(default_factory=dict[str, int])
    known: int = 0
    duplicates: int = 0
    blank: int = 0
    held_back: int = 0
    layer: int = 0
    model: int = 0
    completion_tokens: int = 0
    dropped: int = 0
    seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic, repr=False)

    def count(self, unit: Unit, records: Sequence[Record], written: int) -> None:
        """Take in a finished unit."""
        self.pages += unit.page is not None
        is_known = not unit.is_new and unit.duplicate_of is None
        self.known += is_known and unit.page is not None
        self.duplicates += unit.duplicate_of is not None
        self.records += len(records)
        self.written += written
        for record in records:
            if record.error:
                self.errors += 1
                self.faults[record.error.code] = self.faults.get(record.error.code, 0) + 1
            self.blank += "blank_image" in record.flags
            self.held_back += LOW_AGREEMENT in record.flags
            if record.picture is None:
                self.layer += _has_layer_text(record)
                self.model += record.model is not None
            if unit.is_new:
                self.completion_tokens += record.usage.completion_tokens
        self.tick()

    def tick(self) -> None:
        """Take the time."""
        self.seconds = time.monotonic() - self._began

    def as_json(self) -> dict[str, Any]:
        """For people and programs who follow the run."""
        shown = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return shown | {"seconds": round(self.seconds, 3)}


def _has_layer_text(record: Record) -> bool:
    """Whether the text layer's words are among the record's, as far as it tells.

    With a check, "both" also means a text of which some words are the model's, some recognised.
    """
    by_reader = record.check is not None and record.check.text_from != "model"
    return record.text_source == "layer" or (record.text_source == "both" and not by_reader)
