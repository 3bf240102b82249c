"""The memory that the torch backend takes, from a checkpoint's shapes. Imports no torch.

Counts the tensors that `vision.py` and `decoder.py` hold at once, moment by moment. What torch
itself takes on a CPU cannot be counted; it was measured (docs/memory.md has the command) on Linux
x86-64 with torch 2.13's CPU build and two threads. On a GPU the numbers are those of torch's
allocator.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..footprint import Setup
from .formats.format import THREADS, MatrixBytes, Product, round_up
from .formats.registry import FORMATS
from .limits import ARENA_STEP, AROUND, CHUNK, LOOKED_UP, QUANTIZED_AT_ONCE
from .names import FLOATS, activation_kind, cache_kind, library_of, patch_kind
from .shapes import Linear, linears, other_numbers, patch_embedding, patches

MB = 10**6

TORCH = 232 * MB
"""What torch has made resident once it has answered: 194 MB by its import, 12 MB of code of the
kernels that a request runs, 14 MB that its matrix libraries keep to rearrange matrices in, and
12 MB for CPUs with other kernels."""

CUBLAS = 2 * 33_554_432
"""What cuBLAS takes on two streams, that of requests and that of capturing graphs: 32 MiB each on
an H100, 8 MiB on older GPUs (cuBLAS documentation, "cublasSetWorkspace")."""

PER_NUMBER = 24
"""Most bytes that quantizing takes for each number of `QUANTIZED_AT_ONCE`."""

PREFILL_BUFFERS = 20 * MB
"""Buffers that a decoder's products leave behind: 7 MB in the 256M, 22 MB in the 2.2B."""

SPARE = 1.1
"""Bytes taken for each byte counted: blocks are rounded up, and small ones lie apart."""

FLASH = 1_200_000
"""Bytes of torch's attention for each CPU thread: 256 queries by 512 keys in float32."""

PAGE = 4096
"""Bytes; the keys of each layer and head begin on a page of their own."""


class TorchFootprint:
    """See `Footprint`."""

    def __init__(self, setup: Setup) -> None:
        self._setup, self._config, self._kinds = setup, setup.config, setup.precision
        self._cpu = setup.on_host
        self._features = setup.cpu if self._cpu else None
        self._act = FLOATS[activation_kind(self._kinds, self._features)]
        self._patch_kind = patch_kind(self._kinds)
        self._cache = FLOATS[cache_kind(self._kinds, self._features)]

    @property
    def libraries(self) -> Mapping[str, int]:
        if not self._cpu:
            return {}
        used = [FORMATS[kind].library for kind in self._kinds.values()]
        return {"torch": TORCH} | {each.name: each.resident for each in used if each}

    @property
    def weights(self) -> Mapping[str, int]:
        config, text = self._config, self._config.text
        parts = {name: self._held(name)[0] for name in linears(config)}
        patch = patch_embedding(config)
        parts["vision"] += self._matrix(self._patch_kind, patch).weights
        for name in parts:
            parts[name] += other_numbers(config, name) * self._act
        table = text.vocab_size * text.hidden_size
        if self._cpu:
            return parts  # the table is a mapped file; see `prefill`
        return parts | {"token table": table * FLOATS.get(self._kinds["decoder"], self._act)}

    @property
    def metadata(self) -> int:
        return sum(self._held(name)[1] for name in linears(self._config))

    @property
    def loading(self) -> int:
        """Parts are loaded one after the other, so an early part's peak may not be the highest."""
        highest = sum_so_far = 0
        for name, members in linears(self._config).items():
            sum_so_far += self.weights[name] + self._held(name)[1]
            making = max(_making(self._kinds[name], linear) for linear in members)
            highest = max(highest, sum_so_far + making)
        return max(0, highest - sum(self.weights.values()) - self.metadata)

    def vision(self, tiles: int) -> int:
        vision, act = self._config.vision, self._act
        rows = tiles * patches(self._config)
        pixels = tiles * 3 * vision.image_size**2
        x = rows * vision.hidden_size * act
        qkv, out, widen, down = linears(self._config)["vision"]
        (connector,) = linears(self._config)["connector"]
        shuffled = tiles * self._config.image.tokens_per_tile
        middle = rows * vision.intermediate_size * act
        cut = pixels * act + self._product(self._patch_kind, patch_embedding(self._config), rows)
        moments = (
            cut + x,
            2 * x + self._product(self._kinds["vision"], qkv, rows),
            2 * x + 3 * x + 2 * x + self._flash,
            3 * x + self._product(self._kinds["vision"], out, rows),
            2 * x + self._product(self._kinds["vision"], widen, rows),
            2 * x + 2 * middle,
            2 * x + middle + self._product(self._kinds["vision"], down, rows),
            3 * x + self._product(self._kinds["connector"], connector, shuffled),
        )
        given = pixels * (4 if self._cpu else 0) + (pixels * act if act != 4 else 0)
        return int(SPARE * (given + max(moments)))

    def features(self, tiles: int) -> int:
        image, text = self._config.image, self._config.text
        return tiles * image.tokens_per_tile * text.hidden_size * self._act

    def kv(self, tokens: int) -> int:
        """On a CPU what the tokens fill, in pages; on CUDA a row of the arena."""
        text = self._config.text
        token = 2 * text.layers * text.kv_heads * text.head_dim * self._cache
        if self._setup.kind == "cuda":
            return token * round_up(tokens, ARENA_STEP)
        return token * tokens + self._cpu * 2 * text.layers * text.kv_heads * PAGE

    def prefill(self, tokens: int, before: int = 0) -> int:
        text, act = self._config.text, self._act
        rows = min(tokens, CHUNK)
        x, q = rows * text.hidden_size * act, rows * text.heads * text.head_dim
        k = rows * text.kv_heads * text.head_dim
        qkv, out, gate_up, down = linears(self._config)["decoder"]
        middle = rows * text.intermediate_size * act
        keys = 2 * (tokens + before) * text.heads * text.head_dim * self._cache
        mixed = q * self._cache
        moments = (
            2 * x + self._product(self._kinds["decoder"], qkv, rows),
            2 * x + (q + 2 * k) * act + 3 * (q + k) * act,
            2 * x + (2 * q + 3 * k) * act + 2 * keys + 3 * mixed + self._flash,  # keys, and packed
            3 * x + mixed + self._product(self._kinds["decoder"], out, rows),
            2 * x + self._product(self._kinds["decoder"], gate_up, rows),
            2 * x + 3 * middle,
            2 * x + 3 * middle + self._product(self._kinds["decoder"], down, rows),
        )
        mask = rows * (tokens + before) * self._cache if tokens > CHUNK or before else 0
        given = 2 * tokens * text.hidden_size * act
        counted = given + mask + max(*moments, self._head(1))
        buffers = PREFILL_BUFFERS if self._cpu else self._workspaces
        return int(SPARE * counted) + self._looking_up(tokens) + buffers

    def logits(self, rows: int) -> int:
        """Float32 scores, and six times as much for one sequence at a time to sample from."""
        vocab = self._config.text.vocab_size
        return (rows + 6) * vocab * 4

    def step(self, rows: int, tokens: int) -> int:
        text, act = self._config.text, self._act
        members = linears(self._config)["decoder"]
        product = max(self._product(self._kinds["decoder"], each, rows) for each in members)
        x = rows * (4 * text.hidden_size + 3 * text.intermediate_size) * act
        gathered = 0
        if self._setup.kind == "cuda":  # a layer's keys and values; and the arena before it grew
            gathered = 2 * rows * round_up(tokens, ARENA_STEP) * text.kv_heads * text.head_dim
            gathered = 2 * gathered * self._cache + (rows - 1) * self.kv(tokens)
        working = x + gathered + max(product, self._head(rows))
        return working + self._looking_up(rows) + self._workspaces

    @property
    def _flash(self) -> int:
        return THREADS * FLASH if self._cpu else 0

    @property
    def _workspaces(self) -> int:
        return CUBLAS if self._setup.kind == "cuda" else 0

    def _held(self, name: str) -> tuple[int, int]:
        """Weights and metadata of a component's matrices."""
        kind = self._kinds[name]
        if name == "lm_head" and self._setup.tied and kind in FLOATS and not self._cpu:
            return 0, 0
        held = [
            (linear.count, self._matrix(kind, linear)) for linear in linears(self._config)[name]
        ]
        return sum(n * each.weights for n, each in held), sum(n * each.metadata for n, each in held)

    def _matrix(self, kind: str, linear: Linear) -> MatrixBytes:
        """What one layer holds without its bias; a library's parts are matrices of their own."""
        held = [
            FORMATS[kind].held(outputs, linear.inputs, self._setup.device)
            for outputs in _matrices(kind, linear)
        ]
        return MatrixBytes(sum(part.weights for part in held), sum(part.metadata for part in held))

    def _product(self, kind: str, linear: Linear, rows: int) -> int:
        """Most that one product holds at a time, its result included and its argument not."""
        products = [
            Product(outputs, linear.inputs, rows, self._act, self._features, linear.bias)
            for outputs in _matrices(kind, linear)
        ]
        result = sum(product.result for product in products)
        needed = [FORMATS[kind].workspace(product) for product in products]
        if library_of(kind) is None:
            return result + needed[0]
        copies = 2 if len(products) > 1 else 1  # a part's result is copied into the whole
        parts = [
            copies * product.result + space for product, space in zip(products, needed, strict=True)
        ]
        return result + max(parts) - (products[0].result if self._cpu else 0)

    def _head(self, rows: int) -> int:
        """The output matrix's product."""
        (head,) = linears(self._config)["lm_head"]
        return self._product(self._kinds["lm_head"], head, rows)

    def _looking_up(self, tokens: int) -> int:
        return min(tokens, LOOKED_UP) * AROUND if self._cpu else 0


def _matrices(kind: str, linear: Linear) -> tuple[int, ...]:
    """Output rows of the matrices that a layer is: ours are joined, a library's are not."""
    return linear.parts if library_of(kind) else (linear.outputs,)


def _making(kind: str, linear: Linear) -> int:
    """What making one linear layer takes beside it: its weights as stored, joined, and quantized.

    Files are assumed to hold 16 bits per number, as those of all published checkpoints but one do.
    """
    stored = 2 * linear.numbers
    joined = stored if len(linear.parts) > 1 and library_of(kind) is None else 0
    if kind == "fp32":
        return stored + joined + (4 * linear.numbers if not linear.bias else 0) // 2
    if kind in FLOATS:
        return joined
    return stored + joined + PER_NUMBER * min(linear.numbers, QUANTIZED_AT_ONCE)
