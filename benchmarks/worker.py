"""Measures one engine once, in a process of its own, and prints the samples as JSON.

`bench` starts it; every process is fresh, so memory and load time are the engine's alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.engines import Engine, Timing, load_engine
from benchmarks.memory import peak_bytes, reset_peak
from benchmarks.prompts import QUESTION, text_of_length
from benchmarks.rows import LONG_CONTEXT, SHORT_CONTEXT, Samples
from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.model_config import ModelConfig
from smolvlm_tools.resolution import plan_grid

NEW_TOKENS = 13  # 12 steps
SLOW_TILE_S = 4.0  # from here on an engine is measured less often, that a run may end at all
SLOW_NEW_TOKENS = 5
MODEL_UNAVAILABLE = 4


def measure(name: str, folder: Path, images: Path, page_limit: float) -> Samples:
    """Load the engine and take every measurement once or twice.

    Args:
        name: of the engine, see `engines`.
        folder: the checkpoint.
        images: holds page.png and square.png, see `prompts`.
        page_limit: seconds; a page that would take longer is summed up from its parts instead of
            run. With 0 it is neither.
    """
    page, square = images / "page.png", images / "square.png"
    start = time.perf_counter()
    engine = load_engine(name, folder)
    samples: Samples = {"load": [time.perf_counter() - start]}
    _note_peak(samples, "peak_load")
    reset_peak()
    warm_up = engine.reply(QUESTION, square, split=False, new_tokens=3)
    slow = warm_up.vision > SLOW_TILE_S
    tile_runs = [warm_up] if slow else [_one_tile(engine, square) for _ in range(3)]
    samples["vision"] = [run.vision / run.tiles for run in tile_runs]
    samples["prepare"] = [_timed_prepare(engine, page) for _ in range(2)]
    new_tokens = SLOW_NEW_TOKENS if slow else NEW_TOKENS
    _measure_decoder(engine, folder / "tokenizer.json", new_tokens, samples)
    if page_limit > 0:
        _measure_page(engine, folder, page, page_limit, samples)
    return samples


def _one_tile(engine: Engine, square: Path) -> Timing:
    return engine.reply(QUESTION, square, split=False, new_tokens=1)


def _measure_decoder(engine: Engine, tokenizer: Path, new_tokens: int, samples: Samples) -> None:
    short_text = text_of_length(tokenizer, SHORT_CONTEXT)
    short = engine.reply(short_text, None, split=False, new_tokens=new_tokens)
    samples["decode_short"] = [1 / short.step]
    long_text = text_of_length(tokenizer, LONG_CONTEXT)
    long = engine.reply(long_text, None, split=False, new_tokens=new_tokens)
    samples["prefill"] = [long.prompt_tokens / long.prefill]
    samples["decode_long"] = [1 / long.step]


def _measure_page(
    engine: Engine, folder: Path, page: Path, page_limit: float, samples: Samples
) -> None:
    expected = _sum_of_parts(folder, page, samples)
    if expected > page_limit:
        samples["page_summed"] = [expected]
    else:
        reset_peak()
        timing = engine.reply(QUESTION, page, split=True, new_tokens=2)
        samples["page"] = [timing.first_token]
        samples["page_tiles"] = [timing.tiles]
        samples["page_tokens"] = [timing.prompt_tokens]
    _note_peak(samples, "peak_page")


def _sum_of_parts(folder: Path, page: Path, samples: Samples) -> float:
    config = ModelConfig.from_folder(folder)
    with Image.open(page) as image:
        tiles = plan_grid(image.size, config.image, "native").tiles
    vision = tiles * statistics.median(samples["vision"])
    return samples["prepare"][-1] + vision + LONG_CONTEXT / samples["prefill"][0]


def _timed_prepare(engine: Engine, page: Path) -> float:
    start = time.perf_counter()
    engine.prepare(page)
    return time.perf_counter() - start


def _note_peak(samples: Samples, key: str) -> None:
    peak = peak_bytes()
    if peak is not None:
        samples[key] = [peak]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the samples of one run as a JSON object, or an error as `{"error": text}`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("engine")
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--page-limit", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args(arguments)
    try:
        samples = measure(options.engine, options.folder, options.images, options.page_limit)
    except SmolVLMError as error:
        print(json.dumps({"error": str(error)}))
        return MODEL_UNAVAILABLE
    print(json.dumps({"samples": samples}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
