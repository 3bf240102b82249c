"""The vision tower for OpenVINO in static int8, quantized by NNCF.

Elsewhere each call finds the range of its activations; here every range was measured beforehand, on
tiles of images that resemble those to come. That spares the finding, and lets attention be int8
too. NNCF moves what only few channels need into the weights (SmoothQuant) and corrects biases.
What lies outside the measured ranges is cut off: docs/adr/0019 has what that does to other images.
"""

from __future__ import annotations

import logging
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Tiles
from ..backends.onnx.files import COMPONENTS, STATIC, component_file, data_file
from ..backends.openvino.graph import read_graph
from ..backends.openvino.session import OpenVinoSession, without_telemetry
from ..checkpoint.config import ModelConfig
from ..errors import BackendUnavailable, BadOptions
from ..images.load import load_image
from ..prompt.resolution import plan_grid, size_to_decode
from ..vision.tiles import make_tiles
from .compare import compare
from .report import ComponentError

VISION = COMPONENTS[0]
PACKAGES = ("openvino", "nncf")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
MOST_TILES, HELD_OUT = 24, 6
"""Tiles that are used. More of them cost time and change little."""


def require_static_packages() -> None:
    """Raise `BackendUnavailable` unless all of the extra `static` is installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise BackendUnavailable(
            f"static int8 needs {', '.join(missing)}, not installed here",
            "Run `pip install 'smolvlm-tools[static]'`.",
        )


def calibration_tiles(folder: Path, config: ModelConfig) -> Tiles:
    """At most `MOST_TILES` tiles of a folder's images, as many of each: (T, 3, S, S).

    Raises:
        BadOptions: there is no such folder, or no image in it.
        InputError: an image cannot be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    images = [path for path in paths if path.suffix.lower() in PICTURES]
    if not images:
        raise BadOptions(
            f"no image to measure on in {folder} (looked for {', '.join(PICTURES)})",
            "Name a folder with a dozen images like those that the model will see.",
        )
    chosen = _spread(images, MOST_TILES)
    each = MOST_TILES // len(chosen)
    return np.concatenate([_spread(_tiles(path, config), each) for path in chosen])


def _tiles(path: Path, config: ModelConfig) -> Tiles:
    """All tiles of an image, cut as resolution "auto" does."""
    image = load_image(path, reduce_to=partial(size_to_decode, image=config.image))
    return make_tiles(image.pixels, plan_grid(image.size, config.image), config.image)


def _spread(items: Any, most: int) -> Any:
    """At most `most` of a sequence or of an array's rows, evenly spread."""
    return items[:: -(-len(items) // most)]


def write_static(graph: Path, out: Path, tiles: Tiles) -> ComponentError:
    """Quantize a float vision graph into the folder `out`; the error against that graph.

    The error is that of every `HELD_OUT`th tile, on which nothing was measured if there are others.
    """
    rest = np.arange(len(tiles)) % HELD_OUT != 0
    measured, unseen = (tiles[rest] if rest.any() else tiles), tiles[~rest]
    with without_telemetry(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        import nncf
        import openvino

        logging.getLogger("nncf").setLevel(logging.ERROR)
        model: Any = nncf.quantize(
            read_graph(openvino.Core(), graph),
            nncf.Dataset([{"pixel_values": tile[None, None]} for tile in measured]),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(measured),
        )
        path = out / component_file(VISION, STATIC)
        openvino.save_model(model, path, compress_to_fp16=False)
    path.with_suffix(".bin").rename(data_file(path))
    exact, found = (
        OpenVinoSession(each).run(None, {"pixel_values": unseen[None]})[0] for each in (graph, path)
    )
    return compare(VISION, STATIC, found, exact)
