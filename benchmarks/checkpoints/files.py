"""The checkpoint that is measured, built where it is missing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.checkpoints.make import build_checkpoint, export_onnx
from benchmarks.command import Notice
from benchmarks.paths import CHECKPOINTS, plain_folder
from smolvlm_tools.backends.onnx.files import available_precisions
from smolvlm_tools.errors import ModelNotFound
from smolvlm_tools.export import export_checkpoint

ONNX_PRECISIONS = ("fp32", "int8", "q4")


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
