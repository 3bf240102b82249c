"""The measurements of speed, in groups that each need a fresh process."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.prompts import FOLLOW_UPS, QUESTION, Images, image_files, text_of_length
from benchmarks.speed.calls import Engine, Request, Timing
from benchmarks.speed.engines import is_ours, load_engine
from benchmarks.speed.rows import LONG_CONTEXT, PAGE_TILES, SHORT_CONTEXT, Samples
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.machine.meter import resident
from smolvlm_tools.prompt.resolution import plan_grid

STEPS = 32  # decode steps per reply
TOGETHER_TOKENS = 64
ENOUGH_S = 12.0  # a repeated measurement stops after so long, with one run at least
NEVER = float("inf")


@dataclass(slots=True)
class Task:
    """What a process is to measure."""

    engine: str
    folder: Path
    images: Images
    limit: float = NEVER  # seconds; what would take longer is left out or summed up from its parts
    plan: str = ""  # what the engine, once loaded, says it chose

    def load(self, *, cache: bool = False, parallel: int = 1, pages: int = 1) -> Engine:
        engine = load_engine(self.engine, self.folder, cache=cache, parallel=parallel, pages=pages)
        self.plan = getattr(engine, "plan", "")
        return engine

    @property
    def reuses(self) -> bool:
        """Whether the engine can keep work from one request to the next."""
        return is_ours(self.engine) or self.engine.startswith("llama.cpp")


def measure_page(task: Task) -> Samples:
    """Loading, a page as the first thing a process does, and further questions about it.

    A page that would take over the limit is left to be summed up from its parts; its peak
    of memory is then taken with a single vision layer.
    """
    start, span = time.perf_counter(), resident().start()
    engine = task.load(cache=True)
    samples: Samples = {"load": [time.perf_counter() - start], "peak_load": [span.end()]}
    page = Request(QUESTION, task.images.pages[:1])
    if _expected(engine, task, task.images.pages[0], samples) > task.limit:
        _sum_later(samples, "page", task.folder, task.images.pages[0])
        span = resident().start()
        with getattr(engine, "shallow", nullcontext)():
            timing = engine.reply(page, 1)
    else:
        span = resident().start()
        timing = engine.reply(page, 2)
        samples["page"] = [timing.first_token]
        samples["prompt_tokens"] = [timing.prompt_tokens]
        if timing.vision is not None:
            samples["vision"] = [timing.vision / timing.tiles]
    samples["peak_page"] = [span.end()]
    if timing.prepare is not None:
        samples["prepare"] = [timing.prepare]
    if task.reuses:
        again = [engine.reply(Request(text, page.images), 2) for text in FOLLOW_UPS]
        samples["second"] = [timing.first_token for timing in again]
    engine.close()
    return samples


def measure_decoder(task: Task) -> Samples:
    """Prefill and single steps on texts of known length."""
    engine = task.load()
    tokenizer = task.folder / "tokenizer.json"
    short = Request(text_of_length(tokenizer, SHORT_CONTEXT))
    long = Request(text_of_length(tokenizer, LONG_CONTEXT))
    engine.reply(short, 3)
    samples: Samples = {}
    runs = _repeat(lambda: engine.reply(short, STEPS + 1), 5)
    samples["decode_short"] = [1 / run.step for run in runs]
    runs = _repeat(lambda: engine.reply(long, STEPS + 1), 3)
    samples["decode_long"] = [1 / run.step for run in runs]
    samples["prefill"] = [run.prompt_tokens / run.prefill for run in runs if run.prefill]
    engine.close()
    return samples


def measure_images(task: Task) -> Samples:
    """First tokens for a photo, an icon and half a page, nothing reused between them."""
    engine = task.load()
    samples: Samples = {}
    photo, icon = task.images.photo, task.images.icon
    engine.reply(Request(QUESTION, task.images.small[:1], 1), 1)
    cases = [("photo", photo, "auto", 3), ("icon_native", icon, "native", 2)]
    if is_ours(task.engine):
        cases.insert(0, ("icon_auto", icon, "auto", 5))
        cases.append(("half", task.images.half, "native", 1))
    for key, image, resolution, times in cases:
        if _expected(engine, task, image, {}) > task.limit:
            _sum_later(samples, key, task.folder, image)
            continue
        request = Request(QUESTION, (image,), resolution)
        runs = _repeat(lambda request=request: engine.reply(request, 1), times)
        samples[key] = [run.first_token for run in runs]
    engine.close()
    return samples


def measure_together(task: Task) -> Samples:
    """Eight different questions about different one-tile images, in turn and at once."""
    engine = task.load(parallel=len(task.images.small))
    requests = [
        Request(f"Question {number}: what does it say?", (path,), 1)
        for number, path in enumerate(task.images.small)
    ]
    first = engine.reply(requests[0], 3)
    samples: Samples = {}
    if first.first_token * len(requests) < task.limit:
        start = time.perf_counter()
        for request in requests:
            engine.reply(request, TOGETHER_TOKENS)
        samples["one_by_one"] = [time.perf_counter() - start]
        samples["together"] = [engine.together(requests, TOGETHER_TOKENS)]
    engine.close()
    return samples


def measure_pages(task: Task) -> Samples:
    """Four different pages in one request."""
    engine = task.load(cache=True, pages=len(task.images.pages))
    samples: Samples = {}
    expected = _expected(engine, task, task.images.pages[0], {})
    if expected * len(task.images.pages) <= task.limit:
        span = resident().start()
        samples["pages"] = [engine.reply(Request(QUESTION, task.images.pages), 2).first_token]
        samples["peak_pages"] = [span.end()]
    engine.close()
    return samples


def measure_cold(task: Task) -> Samples:
    """When the first token came; the caller knows when the process began."""
    engine = task.load()
    engine.reply(Request(QUESTION, task.images.small[:1], 1), 1)
    at = time.time()
    engine.close()
    return {"first_token_at": [at]}


GROUPS: dict[str, Callable[[Task], Samples]] = {
    "page": measure_page,
    "decoder": measure_decoder,
    "images": measure_images,
    "together": measure_together,
    "pages": measure_pages,
    "cold": measure_cold,
}


def measure(group: str, engine: str, folder: str, images: str, page_limit: float) -> dict[str, Any]:
    """Measure one group on one engine; run it in a fresh process."""
    task = Task(engine, Path(folder), image_files(Path(images)), page_limit)
    return {"samples": GROUPS[group](task), "plan": task.plan}


def _expected(engine: Engine, task: Task, image: Path, samples: Samples) -> float:
    """Seconds that an image's native tiles take, by one tile; 0 for the engines that are quick."""
    if task.reuses:
        return 0.0
    request = Request(QUESTION, task.images.small[:1], 1)
    runs = _repeat(lambda: engine.reply(request, 1), 2)
    samples["vision"] = [run.vision for run in runs if run.vision is not None]
    return _native_tiles(task.folder, image) * min(samples["vision"], default=NEVER)


def _sum_later(samples: Samples, key: str, folder: Path, image: Path) -> None:
    tiles = _native_tiles(folder, image)
    samples[f"{key}_tiles"] = [tiles]
    samples[f"{key}_tokens"] = [LONG_CONTEXT * tiles / PAGE_TILES]


def _native_tiles(folder: Path, image: Path) -> int:
    with Image.open(image) as opened:
        return plan_grid(opened.size, ModelConfig.from_folder(folder).image, "native").tiles


def _repeat(run: Callable[[], Timing], times: int) -> list[Timing]:
    start, done = time.perf_counter(), [run()]
    while len(done) < times and time.perf_counter() - start <= ENOUGH_S:
        done.append(run())
    return done
