"""Builds a full-size checkpoint in the hub's layout from a folder of config and tokenizer files.

    python -m benchmarks.checkpoints.make ../shared/reference/SmolVLM-256M-Instruct --out /tmp/256m

Speed and memory of a model depend on its shapes, not on its values: random weights measure the
same. One tensor is in memory at a time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.checkpoints.safetensors_stream import DTYPES, HUB_SHARD_BYTES, write_checkpoint
from benchmarks.checkpoints.smollm2 import smollm2_source
from benchmarks.checkpoints.weights import TensorSource, random_source, tensor_shapes
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BadOptions, ModelError, ModelNotFound, SmolVLMError

DECODERS = ("random", "smollm2")
TORCH_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
REQUIRED_FILES = ("config.json", "preprocessor_config.json", "tokenizer.json")
OPTIONAL_FILES = (
    "added_tokens.json",
    "chat_template.json",
    "generation_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)

Notice = Callable[[str], None]


def build_checkpoint(
    config_folder: Path,
    out: Path,
    *,
    decoder: str = "random",
    dtype: str = "bf16",
    seed: int = 0,
    onnx: Sequence[str] = (),
    shard_bytes: int = HUB_SHARD_BYTES,
    notice: Notice = lambda text: None,
) -> Path:
    """Write config files, tokenizer and weights of a checkpoint into the new folder `out`.

    Args:
        config_folder: holds `config.json`, `preprocessor_config.json` and `tokenizer.json`.
        out: made by this function; nothing is left there if it fails or is interrupted.
        decoder: "random" or "smollm2" (the real SmolLM2-135M-Instruct, 256M shapes only).
        dtype: of the stored weights: "bf16", "fp32" or "fp16".
        seed: of the random weights; equal seeds give equal bytes.
        onnx: precisions to export as well, e.g. ("fp32", "int8").
        shard_bytes: size above which weights are split into shards with an index.
        notice: takes one line of progress at a time.

    Returns:
        `out`.

    Raises:
        BadOptions: an unknown decoder or dtype, or `out` exists and is not empty.
        ModelNotFound: a file of `config_folder` or a package for `decoder` is missing.
        ModelInvalid: the config files contradict each other.
    """
    _check_choice("decoder", decoder, DECODERS)
    _check_choice("dtype", dtype, tuple(DTYPES))
    config = _read_config(config_folder)
    source = random_source(seed) if decoder == "random" else smollm2_source(config, seed)
    with _whole_folder(out) as partial:
        _copy_small_files(config_folder, partial, dtype)
        _write_weights(partial, config, source, dtype, shard_bytes, notice)
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
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        partial.chmod(0o755)
    except OSError as error:
        raise BadOptions(
            f"{out.parent} cannot be written ({error.strerror})", "Name another folder as --out."
        ) from error
    try:
        yield partial
        partial.replace(out)
    except OSError as error:
        raise BadOptions(
            f"writing {out} failed ({error.strerror or error})", "Free some space on that disk."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copy_small_files(config_folder: Path, out: Path, dtype: str) -> None:
    config = json.loads((config_folder / "config.json").read_text(encoding="utf-8"))
    config["torch_dtype"] = TORCH_NAMES[dtype]
    config["text_config"]["torch_dtype"] = TORCH_NAMES[dtype]
    text = json.dumps(config, indent=2) + "\n"
    (out / "config.json").write_text(text, encoding="utf-8")
    shutil.copyfile(config_folder / "preprocessor_config.json", out / "preprocessor_config.json")
    shutil.copyfile(_real_tokenizer(config_folder / "tokenizer.json"), out / "tokenizer.json")
    for name in OPTIONAL_FILES:
        if (config_folder / name).is_file():
            shutil.copyfile(config_folder / name, out / name)


def _real_tokenizer(path: Path) -> Path:
    """Follow a `tokenizer.json` that only names another file, as reference folders may have."""
    if path.stat().st_size > 200:
        return path
    target = path.parent / path.read_text(encoding="utf-8").strip()
    if not target.is_file():
        raise ModelNotFound(
            f"{path} points to {target}, which is missing", "Fetch the checkpoint's tokenizer.json."
        )
    return target


def _write_weights(
    out: Path,
    config: ModelConfig,
    source: TensorSource,
    dtype: str,
    shard_bytes: int,
    notice: Notice,
) -> None:
    shapes = tensor_shapes(config)
    parameters = sum(int(np.prod(shape)) for shape in shapes.values())
    total = parameters * (4 if dtype == "fp32" else 2)
    notice(f"{len(shapes)} tensors, {parameters / 1e6:.1f} M parameters, {total / 1e6:.0f} MB")
    written = reported = 0

    def on_tensor(name: str, size: int) -> None:
        nonlocal written, reported
        written += size
        if written - reported >= total / 10 or written == total:
            reported = written
            notice(f"weights: {100 * written // total} %")

    write_checkpoint(out, shapes, source, dtype, shard_bytes=shard_bytes, on_tensor=on_tensor)


def export_onnx(folder: Path, precisions: Sequence[str], notice: Notice) -> None:
    """Add ONNX files to the checkpoint in `folder`; errors as `export_checkpoint`."""
    from smolvlm_tools.export import export_checkpoint

    notice(f"exporting ONNX files: {', '.join(precisions)}")
    export_checkpoint(folder, folder, tuple(precisions), progress=notice)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checkpoints.make",
        description="Build a full-size checkpoint in the hub's layout with random weights.",
        epilog="example: python -m benchmarks.checkpoints.make "
        "../shared/reference/SmolVLM-256M-Instruct --out 256m --decoder smollm2 --onnx fp32,q4",
    )
    parser.add_argument("config_folder", type=Path, help="folder with config and tokenizer files")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--decoder", choices=DECODERS, default="random")
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="bf16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--onnx",
        type=lambda text: tuple(part for part in text.split(",") if part),
        default=(),
        metavar="LIST",
        help="also export ONNX files, e.g. fp32,int8,q4",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 ok, 2 options, 4 model, 130 Ctrl-C)."""
    options = _parse(arguments)
    try:
        build_checkpoint(
            options.config_folder,
            options.out,
            decoder=options.decoder,
            dtype=options.dtype,
            seed=options.seed,
            onnx=options.onnx,
            notice=lambda text: print(text, file=sys.stderr),
        )
    except SmolVLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4 if isinstance(error, ModelError) else 2
    except KeyboardInterrupt:
        print("interrupted; nothing was left behind", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
