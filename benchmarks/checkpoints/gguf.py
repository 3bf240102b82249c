"""Converts a checkpoint to GGUF for the llama.cpp column; runs llama.cpp's own converter.

    pip install xllamacpp sentencepiece
    pip download --no-deps --no-binary :all: llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz
    C=$(echo llama_cpp_python-*/vendor/llama.cpp/convert_hf_to_gguf.py)
    python -m benchmarks.checkpoints.gguf --converter $C

The source package of llama-cpp-python carries llama.cpp with its converter and the matching
`gguf` package. Nothing is fetched here.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.checkpoints.files import CHECKPOINTS, DEFAULT_CONFIG, GgufFiles, gguf_files
from benchmarks.command import exit_code
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BackendUnavailable, ModelNotFound

OUTTYPE = "q8_0"
PREPROCESSOR = "preprocessor_config.json"

Notice = Callable[[str], None]


def make_gguf(folder: Path, converter: Path, files: GgufFiles, notice: Notice) -> None:
    """Write the decoder and two vision files, in Q8_0 as they are published for SmolVLM.

    The second vision file differs in one number: images are cut to one tile, which is
    `size={"longest_edge": 512}` in transformers and cannot be asked for by request in llama.cpp.

    Raises:
        ModelNotFound: no checkpoint or no converter there.
        BackendUnavailable: a package of the converter is missing, or it failed.
    """
    if not (folder / "config.json").is_file():
        raise ModelNotFound(f"{folder} holds no checkpoint", "Name a folder in the hub's layout.")
    if not converter.is_file():
        raise ModelNotFound(
            f"there is no converter {converter}",
            "It is vendor/llama.cpp/convert_hf_to_gguf.py in llama-cpp-python's source package.",
        )
    for package in ("torch", "transformers", "sentencepiece"):
        if importlib.util.find_spec(package) is None:
            raise BackendUnavailable(
                f"llama.cpp's converter needs {package}", f"Install it: pip install {package}"
            )
    files.folder.mkdir(parents=True, exist_ok=True)
    _convert(converter, folder, files.text, [], notice)
    _convert(converter, folder, files.vision, ["--mmproj"], notice)
    with tempfile.TemporaryDirectory(prefix="smolvlm-gguf-") as name:
        one_tile = Path(name) / folder.name
        _link_with_one_tile(folder, one_tile)
        _convert(converter, one_tile, files.vision_one_tile, ["--mmproj"], notice)


def _convert(
    converter: Path, folder: Path, target: Path, options: Sequence[str], notice: Notice
) -> None:
    notice(f"writing {target.name}")
    partial = target.with_suffix(".partial")
    command = [sys.executable, str(converter), str(folder), "--outfile", str(partial)]
    command += ["--outtype", OUTTYPE, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not partial.is_file():
        partial.unlink(missing_ok=True)
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise BackendUnavailable(
            f"llama.cpp's converter ended with code {done.returncode}: {last[0]}",
            "Try the converter of another release of llama-cpp-python.",
        )
    partial.replace(target)


def _link_with_one_tile(folder: Path, target: Path) -> None:
    target.mkdir()
    for path in folder.iterdir():
        if path.is_file() and path.name != PREPROCESSOR:
            (target / path.name).symlink_to(path.resolve())
    settings = json.loads((folder / PREPROCESSOR).read_text(encoding="utf-8"))
    settings["size"] = {"longest_edge": ModelConfig.from_folder(folder).image.tile_size}
    (target / PREPROCESSOR).write_text(json.dumps(settings), encoding="utf-8")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checkpoints.gguf",
        description="Convert a checkpoint for the benchmark's llama.cpp column (Q8_0).",
    )
    parser.add_argument(
        "checkpoint",
        type=Path,
        nargs="?",
        default=CHECKPOINTS / DEFAULT_CONFIG.name,
        help="folder in the hub's layout; default: the one the benchmark builds",
    )
    parser.add_argument("--converter", type=Path, required=True, help="convert_hf_to_gguf.py")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 ok, 2 options, 4 model, 130 Ctrl-C)."""
    options = _parse(arguments)
    files = gguf_files(options.checkpoint)

    def run() -> int:
        make_gguf(
            options.checkpoint,
            options.converter,
            files,
            notice=lambda text: print(text, file=sys.stderr, flush=True),
        )
        print(files.folder)
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
