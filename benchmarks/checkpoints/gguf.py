"""Converts a checkpoint to GGUF (Q8_0) for the benchmark's llama.cpp column.

    pip install xllamacpp sentencepiece
    pip download --no-deps --no-binary :all: llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz
    C=$(echo llama_cpp_python-*/vendor/llama.cpp/convert_hf_to_gguf.py)
    python -m benchmarks.checkpoints.gguf --converter $C

The source package of llama-cpp-python carries llama.cpp's own converter, which is run here, and the
matching `gguf` package. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.checkpoints.files import default_checkpoint, require_checkpoint
from benchmarks.command import Command, Notice, notice
from benchmarks.paths import DEFAULT_CONFIG, GgufFiles, gguf_files, gguf_folder
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BackendUnavailable, ModelNotFound

PREPROCESSOR = "preprocessor_config.json"


def make_gguf(folder: Path, converter: Path, files: GgufFiles, notice: Notice) -> None:
    """Write the decoder and two vision files, in Q8_0 as they are published for SmolVLM.

    The second vision file differs in one number, which makes every image one tile:
    `size={"longest_edge": 512}` in transformers. llama.cpp has no option for it in a request.
    """
    require_checkpoint(folder)
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
    files.text.parent.mkdir(parents=True, exist_ok=True)
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
    command += ["--outtype", "q8_0", *options]
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


def _run(options: argparse.Namespace) -> int:
    folder = options.checkpoint or default_checkpoint(DEFAULT_CONFIG, "random", False, notice)
    make_gguf(folder, options.converter, gguf_files(folder), notice)
    print(gguf_folder(folder))
    return 0


main = Command("checkpoints.gguf", __doc__, _run)
main.add_argument(
    "checkpoint",
    type=Path,
    nargs="?",
    help="default: a 256M one with random weights, built once",
)
main.add_argument("--converter", type=Path, required=True, help="convert_hf_to_gguf.py")

if __name__ == "__main__":
    sys.exit(main())
