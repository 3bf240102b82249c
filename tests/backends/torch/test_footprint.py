"""What is predicted of the torch backend is what its tensors take."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from smolvlm_tools import open_checkpoint
from smolvlm_tools.backends.footprint import Setup
from smolvlm_tools.backends.torch.footprint import PREFILL_BUFFERS, TorchFootprint
from smolvlm_tools.backends.torch.names import (
    FLOATS,
    KINDS,
    activation_kind,
    defaults,
    library_of,
    parse_kinds,
)
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.machine import cpu as cpu_features
from smolvlm_tools.machine.cpu import CpuFeatures
from tests.support import cpus

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
from torch.multiprocessing.reductions import StorageWeakRef  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

OWN = [kind for kind in KINDS if library_of(kind) is None]
MIXED = "vision=fp32,connector=fp32,decoder=int8,lm_head=fp16"


class Allocations(TorchDispatchMode):
    """Counts the bytes of tensors that operations made and that still live, and the most of it."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        before = {
            leaf.untyped_storage().data_ptr()
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor)
        }
        result = operation(*args, **(kwargs or {}))
        self._made = {at: each for at, each in self._made.items() if not each[0].expired()}
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                if storage.data_ptr() not in before:
                    self._made[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self._made.values()))
        return result


def setup_of(config: ModelConfig, precision: str, cpu: CpuFeatures) -> Setup:
    return Setup(config, "torch", "cpu", parse_kinds(precision), cpu=cpu)


def tensors_of(thing: object, found: dict[int, int]) -> dict[int, int]:
    """Bytes by address of the tensors that an object's attributes hold."""
    if isinstance(thing, torch.Tensor):
        found[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
    elif isinstance(thing, list | tuple):
        for each in thing:
            tensors_of(each, found)
    elif type(thing).__module__.startswith("smolvlm_tools.backends"):
        names = getattr(thing, "__slots__", None) or vars(thing)
        for name in names:
            tensors_of(getattr(thing, name), found)
    return found


@pytest.fixture(scope="module", params=cpus.BOTH)
def load(embedded, request, tmp_path_factory):
    """Load in a precision, as on a CPU that cannot or can multiply bfloat16."""
    from smolvlm_tools.backends.torch.backend import TorchBackend

    cpu = cpus.BOTH[request.param]
    path = tmp_path_factory.mktemp("cpu") / "cpuinfo"
    path.write_text(cpus.cpuinfo(cpu))

    @functools.cache
    def load(precision: str):
        checkpoint = open_checkpoint(embedded)
        backend = TorchBackend.load(checkpoint, precision, "cpu", None)
        return backend, TorchFootprint(setup_of(checkpoint.config, precision, cpu))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu_features, "CPUINFO", path)
        yield load


@pytest.mark.parametrize("precision", [*OWN, MIXED])
def test_weights_are_predicted_to_the_byte(load, precision):
    backend, footprint = load(precision)
    found = tensors_of((backend._decoder, backend._vision), {})
    del found[backend._decoder._weights.table.untyped_storage().data_ptr()]  # mapped
    predicted = sum(footprint.weights.values()) + footprint.metadata
    assert sum(found.values()) == pytest.approx(predicted, rel=0.001)


@pytest.mark.parametrize("precision", [*OWN, MIXED])
@pytest.mark.parametrize("tiles", [1, 3])
def test_the_vision_tower_makes_no_more_than_predicted(load, precision, tiles):
    backend, footprint = load(precision)
    size = open_checkpoint("embedded").config.vision.image_size
    with Allocations() as seen:
        features = backend.encode(np.zeros((tiles, 3, size, size), np.float32))
    pixels = tiles * 3 * size * size * 4  # handed in, and part of the prediction
    assert features.nbytes == footprint.features(tiles)
    assert seen.peak + pixels <= footprint.vision(tiles)
    assert footprint.vision(tiles) < 1.25 * (seen.peak + pixels) + 3_000_000


@pytest.mark.parametrize("precision", [*OWN, MIXED])
@pytest.mark.parametrize("tokens", [1, 20, 200])
def test_reading_a_prompt_makes_no_more_than_predicted(load, precision, tokens):
    backend, footprint = load(precision)
    cache = backend.create_cache(tokens + 1)
    assert cache.states.nbytes <= footprint.kv(tokens + 1)
    ids = np.arange(tokens, dtype=np.int64) % 100
    with Allocations() as seen:
        backend.forward(ids, cache)
    predicted = footprint.prefill(tokens) + footprint.logits(1)
    assert seen.peak <= predicted - PREFILL_BUFFERS < 1.5 * seen.peak + 8_000_000
    with Allocations() as seen:
        backend.step(ids[:1], [cache])
    assert seen.peak <= footprint.step(1, tokens + 1) + footprint.logits(1)


@pytest.mark.parametrize("precision", [*KINDS, MIXED, "vision=bf16,decoder=fp32"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("cpu", cpus.BOTH)
def test_formats_are_those_the_backend_will_choose(precision, device, cpu):
    from smolvlm_tools.backends.torch.plan import make_plan

    kinds = parse_kinds(precision)
    if device == "cuda" and {"int8", "q4"} & set(kinds.values()):
        return  # the backend refuses them
    config = ModelConfig.from_folder(open_checkpoint("embedded").folder)
    features = cpus.BOTH[cpu]
    plan = make_plan(kinds, device, features)
    predicted = activation_kind(kinds, features if device == "cpu" else None)
    assert FLOATS[predicted] == plan.activations.itemsize
    one, two = (TorchFootprint(Setup(config, "torch", "mps", kinds)).kv(n) for n in (1, 2))
    if device == "cuda":
        text = config.text
        per_token = 2 * text.layers * text.kv_heads * text.head_dim
        assert two - one == per_token * plan.cache.itemsize


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_footprint_and_names_its_library(reference, kind):
    for size in ("SmolVLM-256M-Instruct", "SmolVLM-Instruct"):
        config = ModelConfig.from_folder(reference / size)
        footprint = TorchFootprint(Setup(config, "torch", "cpu", defaults(kind)))
        numbers = [footprint.vision(1), footprint.prefill(900), footprint.step(4, 900)]
        assert all(number > 0 for number in numbers)
        assert set(footprint.libraries) == {"torch", library_of(kind)} - {None}
        assert TorchFootprint(Setup(config, "torch", "cuda", defaults(kind))).libraries == {}


def test_a_process_that_loads_and_answers_stays_below_its_prediction(embedded):
    script = (
        "import json\n"
        "from smolvlm_tools import SmolVLM\n"
        "from smolvlm_tools.machine.meter import resident\n"
        "span = resident().start()\n"
        "vlm = SmolVLM.load('embedded', backend='torch', device='cpu', precision='int8')\n"
        "usage = vlm.ask('examples/images/shapes.png', 'What is it?', max_new_tokens=4).usage\n"
        "print(json.dumps([max(span.end(), usage.peak_bytes), vlm.load_plan.predicted_bytes]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    measured, predicted = json.loads(done.stdout)
    assert measured <= predicted <= 1.25 * measured
