"""What an export produced: the files, and how exact they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file that was written: its path below the output folder, with "/", and its bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class ComponentError:
    """How far one component of one precision is from torch in fp32.

    Attributes:
        component: "vision_encoder", "embed_tokens" or "decoder_model_merged".
        precision: as in the file's name, e.g. "int8".
        max_relative: max |onnx - torch| / max |torch|.
        mean_relative: mean |onnx - torch| / mean |torch|.
    """

    component: str
    precision: str
    max_relative: float
    mean_relative: float


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The outcome of `export_checkpoint`.

    Attributes:
        folder: the output folder.
        form: "fused" or "plain", the form of the decoder graph.
        files: every file written but the manifest, ONNX files first.
        errors: one entry per component and precision.
        same_greedy_tokens: per precision, how many of the checked greedy steps chose torch's token.
        greedy_steps: how many greedy steps were checked.
        notes: sentences for the user, e.g. why the plain form was written.
    """

    folder: Path
    form: str
    files: tuple[ExportedFile, ...]
    errors: tuple[ComponentError, ...]
    same_greedy_tokens: dict[str, int]
    greedy_steps: int
    notes: tuple[str, ...] = ()
