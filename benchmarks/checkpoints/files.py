"""Where the benchmark keeps what it builds: the checkpoint, and peers' files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkpoints.make import Notice, build_checkpoint, export_onnx
from smolvlm_tools.backends.onnx.files import available_precisions
from smolvlm_tools.errors import ModelNotFound

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "benchmarks" / ".checkpoints"
RESULTS = ROOT / "benchmarks" / ".results"
DEFAULT_CONFIG = ROOT.parent / "shared" / "reference" / "SmolVLM-256M-Instruct"
ONNX_PRECISIONS = ("fp32", "int8", "q4")


@dataclass(frozen=True, slots=True)
class GgufFiles:
    """llama.cpp's files of one checkpoint; made by `make_gguf`."""

    folder: Path

    @property
    def text(self) -> Path:
        return self.folder / "text-q8_0.gguf"

    @property
    def vision(self) -> Path:
        return self.folder / "mmproj-q8_0.gguf"

    @property
    def vision_one_tile(self) -> Path:
        return self.folder / "mmproj-one-tile-q8_0.gguf"

    def missing(self) -> list[str]:
        files = (self.text, self.vision, self.vision_one_tile)
        return [path.name for path in files if not path.is_file()]


def gguf_files(folder: Path) -> GgufFiles:
    """The GGUF files that belong to the checkpoint in `folder`, there or not."""
    return GgufFiles(folder.with_name(f"{folder.name}-gguf"))


def plain_folder(folder: Path) -> Path:
    """Where the ONNX files with standard operators only, as published on the hub, are kept."""
    return folder.with_name(f"{folder.name}-plain")


def default_checkpoint(config: Path, decoder: str, onnx: bool, notice: Notice) -> Path:
    """The checkpoint of `config` under `benchmarks/.checkpoints`, built where it is missing."""
    folder = CHECKPOINTS / (config.name if decoder == "random" else f"{config.name}-{decoder}")
    if not folder.exists():
        if not config.is_dir():
            raise ModelNotFound(
                f"there is no checkpoint at {folder} and no config folder {config} to build it of",
                "Name a checkpoint folder, or a folder of config files with --config.",
            )
        build_checkpoint(config, folder, decoder=decoder, notice=notice)
    files = [path.relative_to(folder).as_posix() for path in folder.glob("onnx/*")]
    missing = [name for name in ONNX_PRECISIONS if name not in available_precisions(files)]
    if onnx and missing:
        export_onnx(folder, missing, notice)
    return folder


def export_plain(folder: Path, notice: Notice) -> Path:
    """The fp32 ONNX files of the hub's form, exported where they are missing.

    Raises:
        BackendUnavailable: torch, transformers or onnx is not installed.
    """
    from smolvlm_tools.export import export_checkpoint

    target = plain_folder(folder)
    if not (target / "onnx" / "decoder_model_merged.onnx").is_file():
        notice("exporting the plain ONNX files for the model card's loop")
        export_checkpoint(folder, target, ("fp32",), fused=False, progress=notice)
    return target
