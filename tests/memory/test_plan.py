"""A plan keeps to its budget, gives things up in the documented order, and says what would do."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from smolvlm_tools import BadOptions, OutOfMemoryBudget, open_checkpoint
from smolvlm_tools.backends.footprint import Setup
from smolvlm_tools.backends.registry import footprint_of
from smolvlm_tools.cache import CacheLimits
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.engine.planner import largest_request, open_layouter
from smolvlm_tools.machine.amounts import format_bytes, parse_bytes
from smolvlm_tools.memory import plan as planning
from smolvlm_tools.memory.plan import Choices, Process, View, choose_load_plan
from smolvlm_tools.memory.predict import predict, working
from smolvlm_tools.prompt.resolution import plan_grid
from smolvlm_tools.prompt.workload import PlannedImage, Workload

MB = 1_000_000
SIZES = ("SmolVLM-256M-Instruct", "SmolVLM-500M-Instruct", "SmolVLM-Instruct")
ONNX = [dict.fromkeys(("vision", "embed", "decoder"), name) for name in ("fp32", "int8", "q4")]
TORCH = [
    dict.fromkeys(("vision", "connector", "decoder", "lm_head"), name) for name in ("fp32", "bf16")
]
WAYS = [
    *(("onnx", device, precision) for device in ("cpu", "cuda") for precision in ONNX),
    *(("torch", device, precision) for device in ("cpu", "cuda") for precision in TORCH),
]
PROCESS = Process(80 * MB)


@pytest.mark.parametrize(
    ("text", "count"),
    [("900MB", 900 * MB), ("1GB", 10**9), ("1 GiB", 2**30), ("0.5gb", 5 * 10**8), (7, 7)],
)
def test_amounts_are_decimal_unless_they_say_otherwise(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    "text", ["", "MB", "-1MB", "1XB", "900 M B", 0, -5, 1.5, True, None, "0GB"]
)
def test_what_is_no_amount_is_refused_by_name(text):
    with pytest.raises(BadOptions, match="not an amount of memory"):
        parse_bytes(text)


def test_an_amount_is_never_shown_smaller_than_it_is():
    for count in (1, 999, 1_000_001, 376_200_001, 1_234_567_891, 2_345_678_901):
        assert parse_bytes(format_bytes(count)) >= count


def workload(config: ModelConfig, side: int, images: int = 1, new_tokens: int = 512) -> Workload:
    edge = side * config.image.tile_size
    grid = plan_grid((edge, edge), config.image, side)
    planned = tuple(PlannedImage((edge, edge), grid) for _ in range(images))
    tokens = 40 + images * (grid.image_tokens + 3 * grid.tiles)
    return Workload(planned, tokens, new_tokens)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("backend", "device", "precision"), WAYS)
def test_more_work_never_takes_less_memory(reference, size, backend, device, precision):
    config = ModelConfig.from_folder(reference / size)
    footprint = footprint_of(Setup(config, backend, device, precision))
    limits = CacheLimits()
    small = workload(config, 1)
    larger = [
        workload(config, 2),
        workload(config, 1, images=3),
        workload(config, 1, new_tokens=2000),
        replace(small, batch=4),
    ]
    before = predict(footprint, small, 1, limits, 80 * MB)
    assert before.peak == max(before.stages.values()) <= sum(before.parts.values())
    for more in larger:
        assert predict(footprint, more, 1, limits, 80 * MB).peak >= before.peak
    known = working(footprint, small, 1, limits, known_tokens=small.prompt_tokens - 1)
    assert known.peak <= working(footprint, small, 1, limits).peak


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_a_larger_checkpoint_takes_more_memory(reference, backend):
    precision = ONNX[0] if backend == "onnx" else TORCH[0]
    peaks = []
    for size in SIZES:
        config = ModelConfig.from_folder(reference / size)
        footprint = footprint_of(Setup(config, backend, "cpu", precision))
        peaks.append(predict(footprint, workload(config, 1), 1, CacheLimits(), 80 * MB).peak)
    assert peaks == sorted(peaks)
    assert peaks[2] > 3 * peaks[1]


class Blocks:
    """A footprint whose parts are told apart by their size."""

    metadata = loading = 0

    def __init__(self, setup: Setup) -> None:
        self.libraries = {"runtime": 50 * MB}
        self.weights = {"all": {"large": 200 * MB, "small": 120 * MB}[setup.precision["all"]]}

    def vision(self, tiles: int) -> int:
        return 40 * MB * tiles

    def features(self, tiles: int) -> int:
        return MB * tiles

    def kv(self, tokens: int) -> int:
        return tokens * 10_000

    def prefill(self, tokens: int, before: int = 0) -> int:
        return tokens * 20_000

    def logits(self, rows: int) -> int:
        return 0

    def step(self, rows: int, tokens: int) -> int:
        return 0


@pytest.fixture
def choices(reference, monkeypatch) -> Choices:
    """Two precisions, four resolutions, micro-batches of 4."""
    monkeypatch.setattr(planning, "footprint_of", Blocks)
    config = ModelConfig.from_folder(reference / SIZES[0])
    setups = [Setup(config, "onnx", "cpu", {"all": name}) for name in ("large", "small")]
    views = [
        View(
            "auto",
            side * config.image.tile_size,
            side if side < 4 else None,
            workload(config, side),
        )
        for side in (4, 3, 2, 1)
    ]
    return Choices(setups, views, tiles_per_batch=4)


def losses(plan) -> list[str]:
    return [loss.partition(":")[0] for loss in plan.given_up]


def test_without_a_budget_nothing_is_given_up(choices):
    plan = choose_load_plan("m", choices, PROCESS)
    assert plan.given_up == ()
    assert plan.cache == CacheLimits()
    assert (plan.tiles_per_batch, plan.max_side, plan.precision) == (4, None, {"all": "large"})


def test_the_order_is_caches_micro_batch_precision_resolution(choices):
    best = choose_load_plan("m", choices, PROCESS).predicted_bytes
    order = ["caches", "tiles per micro-batch", "precision", "longest edge"]
    seen: list[list[str]] = []
    for budget in range(best + 10 * MB, 0, -MB):
        try:
            plan = choose_load_plan("m", choices, PROCESS, budget)
        except OutOfMemoryBudget:
            break
        assert plan.predicted_bytes <= budget
        if not seen or seen[-1] != losses(plan):
            seen.append(losses(plan))
    assert seen[:4] == [order[:1], order[:2], order[:3], order], "each only when it is its turn"


def test_the_named_figure_works_and_hardly_less_does(choices):
    with pytest.raises(OutOfMemoryBudget, match=r"does not fit into 100 MB.*takes") as caught:
        choose_load_plan("m", choices, PROCESS, 100 * MB)
    needed = caught.value.needed_bytes
    assert needed is not None
    assert choose_load_plan("m", choices, PROCESS, needed).predicted_bytes <= needed
    with pytest.raises(OutOfMemoryBudget):
        choose_load_plan("m", choices, PROCESS, needed - planning.AGAIN - 1)


def test_what_is_pinned_is_never_given_up(choices):
    large = replace(choices, setups=choices.setups[:1], views=choices.views[:1])
    with pytest.raises(OutOfMemoryBudget) as caught:
        choose_load_plan("m", large, PROCESS, 300 * MB)
    with pytest.raises(OutOfMemoryBudget) as less:
        choose_load_plan("m", choices, PROCESS, 100 * MB)
    assert caught.value.needed_bytes > less.value.needed_bytes
    kept = replace(choices, caches=CacheLimits(5 * MB, 20 * MB), pinned_caches=True)
    plan = choose_load_plan("m", kept, PROCESS, caught.value.needed_bytes + 30 * MB)
    assert plan.cache == CacheLimits(5 * MB, 20 * MB)


def test_a_batch_is_halved_until_it_fits(choices):
    alone = choose_load_plan("m", choices, PROCESS).predicted_bytes
    plan = choose_load_plan("m", replace(choices, batch=8), PROCESS, alone)
    assert plan.batch < 8
    assert "requests together" in losses(plan)


def test_libraries_that_are_there_already_are_not_counted_again(choices):
    there = Process(80 * MB, frozenset({"runtime"}))
    fresh = choose_load_plan("m", choices, PROCESS).predicted_bytes
    saved = fresh - choose_load_plan("m", choices, there).predicted_bytes
    assert 50 * MB <= saved <= 52 * MB


def test_planning_imports_no_runtime():
    code = (
        "import sys\n"
        "from smolvlm_tools.cli.run import run\n"
        "code = run(['plan', 'examples/images/shapes.png', '--model', 'embedded',"
        " '--device', 'cuda', '--backend', 'torch', '--memory-budget', '900MB'])\n"
        "sys.exit(code or len({'torch', 'onnxruntime', 'openvino'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "torch bf16 on cuda" in ran.stdout


def test_every_step_down_has_fewer_tiles_at_odd_tile_sizes_too(tiny):
    checkpoint = open_checkpoint(tiny)
    reader = open_layouter(checkpoint, None, CacheLimits())
    request, layout = largest_request(reader, "auto")
    tiles = [layout.tiles]
    while layout := reader.coarser(request, layout):
        tiles.append(layout.tiles)
    assert tiles == sorted(set(tiles), reverse=True)
    assert len(tiles) > 1
