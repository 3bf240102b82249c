"""Builds a full-size checkpoint in the hub's layout from a folder of config and tokenizer files.

    python -m benchmarks.checkpoints.make ../shared/reference/SmolVLM-256M-Instruct --out 256m
    python -m benchmarks.checkpoints.make CONFIG --out FOLDER --decoder smollm2 --onnx fp32,q4

A model's speed and memory depend on its shapes and not on its values, so random weights serve as
well. Only one tensor is in memory at a time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.checkpoints.safetensors_stream import (
    HUB_SHARD_BYTES,
    SAFETENSORS_NAMES,
    TORCH_NAMES,
    write_checkpoint,
)
from benchmarks.checkpoints.smollm2 import smollm2_source
from benchmarks.checkpoints.weights import (
    Shape,
    Tensor,
    TensorSource,
    random_source,
    tensor_shapes,
)
from benchmarks.command import Command, Notice, comma_list, notice
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BadOptions, ModelNotFound
from smolvlm_tools.export import export_checkpoint
from smolvlm_tools.export.export import copy_small_files

DECODERS = ("random", "smollm2")
REQUIRED_FILES = ("config.json", "preprocessor_config.json", "tokenizer.json")


def build_checkpoint(
    config_folder: Path,
    out: Path,
    *,
    decoder: str = "random",
    dtype: str = "bf16",
    seed: int = 0,
    onnx: Sequence[str] = (),
    notice: Notice = lambda text: None,
) -> Path:
    """Write config files, tokenizer and weights of a checkpoint into the new folder `out`.

    Nothing is left there if it fails or is interrupted. `decoder="smollm2"` is the real
    SmolLM2-135M-Instruct, for the 256M shapes only. Equal seeds give equal bytes.
    """
    _check_choice("decoder", decoder, DECODERS)
    _check_choice("dtype", dtype, tuple(SAFETENSORS_NAMES))
    config = _read_config(config_folder)
    source = random_source(seed) if decoder == "random" else smollm2_source(config, seed)
    with _whole_folder(out) as partial:
        _copy_small_files(config_folder, partial, dtype)
        _write_weights(partial, config, source, dtype, notice)
        if onnx:
            export_onnx(partial, onnx, notice)
    notice(f"wrote {out}")
    return out


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadOptions(f"unknown {option} {value!r}", f"Choose one of: {', '.join(choices)}.")


def _read_config(folder: Path) -> ModelConfig:
    if not folder.is_dir():
        raise ModelNotFound(
            f"{folder} is not a folder", "Name a folder with a checkpoint's config files."
        )
    for name in REQUIRED_FILES:
        if not (folder / name).is_file():
            raise ModelNotFound(
                f"{folder} has no {name}",
                f"A checkpoint is built from {', '.join(REQUIRED_FILES)}.",
            )
    return ModelConfig.from_folder(folder)


@contextmanager
def _whole_folder(out: Path) -> Generator[Path]:
    """A folder to write into that becomes `out` at the end, or vanishes."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadOptions(f"{out} exists already", "Remove it, or name another folder as --out.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
            partial = Path(scratch, out.name)
            partial.mkdir()
            yield partial
            partial.replace(out)
    except OSError as error:
        raise BadOptions(
            f"writing {out} failed ({error.strerror or error})",
            "Free some space on that disk, or name another folder as --out.",
        ) from error


def _copy_small_files(config_folder: Path, out: Path, dtype: str) -> None:
    config = json.loads((config_folder / "config.json").read_text(encoding="utf-8"))
    config["torch_dtype"] = TORCH_NAMES[dtype]
    config["text_config"]["torch_dtype"] = TORCH_NAMES[dtype]
    text = json.dumps(config, indent=2) + "\n"
    copy_small_files(config_folder, out)
    (out / "config.json").write_text(text, encoding="utf-8")
    shutil.copyfile(_real_tokenizer(config_folder / "tokenizer.json"), out / "tokenizer.json")


def _real_tokenizer(path: Path) -> Path:
    """Follow a `tokenizer.json` that only names another file, as some reference folders do."""
    if path.stat().st_size > 200:
        return path
    target = path.parent / path.read_text(encoding="utf-8").strip()
    if not target.is_file():
        raise ModelNotFound(
            f"{path} points to {target}, which is missing", "Fetch the checkpoint's tokenizer.json."
        )
    return target


def _write_weights(
    out: Path, config: ModelConfig, source: TensorSource, dtype: str, notice: Notice
) -> None:
    shapes = tensor_shapes(config)
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    size = total * (4 if dtype == "fp32" else 2)
    notice(f"{len(shapes)} tensors, {total / 1e6:.1f} M parameters, {size / 1e6:.0f} MB")
    made = 0

    def counted(name: str, shape: Shape) -> Tensor:
        nonlocal made
        tensor = source(name, shape)
        before, made = made, made + tensor.size
        if 10 * before // total < 10 * made // total:
            notice(f"weights: {100 * made // total} %")
        return tensor

    write_checkpoint(out, shapes, counted, dtype, shard_bytes=HUB_SHARD_BYTES)


def export_onnx(folder: Path, precisions: Sequence[str], notice: Notice) -> None:
    """Add ONNX files to the checkpoint in `folder`."""
    notice(f"exporting ONNX files: {', '.join(precisions)}")
    export_checkpoint(folder, folder, tuple(precisions), progress=notice)


def _run(options: argparse.Namespace) -> int:
    build_checkpoint(**vars(options), notice=notice)
    return 0


main = Command("checkpoints.make", __doc__, _run)
main.add_argument("config_folder", type=Path, help="folder with config and tokenizer files")
main.add_argument("--out", type=Path, required=True, help="folder to make")
main.add_argument("--decoder", choices=DECODERS, default="random")
main.add_argument("--dtype", choices=tuple(SAFETENSORS_NAMES), default="bf16")
main.add_argument("--seed", type=int, default=0)
main.add_argument(
    "--onnx", type=comma_list, default=(), metavar="LIST", help="ONNX files, too: fp32,int8,q4"
)

if __name__ == "__main__":
    sys.exit(main())
