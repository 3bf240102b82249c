"""The checkpoint that is measured, and the peers' files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.checkpoints.make import build_checkpoint, export_onnx
from benchmarks.command import Notice
from benchmarks.paths import CHECKPOINTS
from smolvlm_tools.backends.onnx.files import available_precisions
from smolvlm_tools.errors import ModelNotFound
from smolvlm_tools.export import export_checkpoint

ONNX_PRECISIONS = ("fp32", "int8", "q4")


class GgufFiles(NamedTuple):
    """llama.cpp's files of one checkpoint, which `benchmarks.checkpoints.gguf` makes."""

    text: Path
    vision: Path
    vision_one_tile: Path

    def missing(self) -> list[str]:
        return [path.name for path in self if not path.is_file()]


def gguf_folder(checkpoint: Path) -> Path:
    """Where the GGUF files of a checkpoint are kept."""
    return checkpoint.with_name(f"{checkpoint.name}-gguf")


def gguf_files(checkpoint: Path) -> GgufFiles:
    """The GGUF files of a checkpoint, whether they exist or not."""
    names = ("text-q8_0.gguf", "mmproj-q8_0.gguf", "mmproj-one-tile-q8_0.gguf")
    return GgufFiles(*(gguf_folder(checkpoint) / name for name in names))


def plain_folder(folder: Path) -> Path:
    """Where ONNX files with standard operators only are kept, as the hub has them."""
    return folder.with_name(f"{folder.name}-plain")


def require_checkpoint(folder: Path) -> Path:
    """`folder`, or ModelNotFound where it holds no checkpoint."""
    if not (folder / "config.json").is_file():
        raise ModelNotFound(f"{folder} holds no checkpoint", "Name a folder in the hub's layout.")
    return folder


def default_checkpoint(config: Path, decoder: str, onnx: bool, notice: Notice) -> Path:
    """The checkpoint of `config` under `CHECKPOINTS`, built where it is missing."""
    folder = CHECKPOINTS / (config.name if decoder == "random" else f"{config.name}-{decoder}")
    if not folder.exists():
        if not config.is_dir():
            raise ModelNotFound(
                f"there is no checkpoint at {folder}, and no folder {config} to build it from",
                "Name a checkpoint folder, or a folder of config files with --config.",
            )
        build_checkpoint(config, folder, decoder=decoder, notice=notice)
    files = [path.relative_to(folder).as_posix() for path in folder.glob("onnx/*")]
    missing = [name for name in ONNX_PRECISIONS if name not in available_precisions(files)]
    if onnx and missing:
        export_onnx(folder, missing, notice)
    return folder


def export_plain(folder: Path, notice: Notice) -> Path:
    """The fp32 ONNX files as on the hub, exported where they are missing."""
    target = plain_folder(folder)
    if not (target / "onnx" / "decoder_model_merged.onnx").is_file():
        notice("exporting the plain ONNX files for the model card's loop")
        export_checkpoint(folder, target, ("fp32",), fused=False, progress=notice)
    return target
