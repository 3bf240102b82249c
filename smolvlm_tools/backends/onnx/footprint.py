"""Memory of the onnx and openvino backends, from a checkpoint's shapes alone.

The forms are those of `smolvlm export` in ONNX Runtime 1.32 on x86: matrices are copied into its
own layout, which keeps a scale and a sum of every block; the mapped files are let go afterwards.
Each constant stands beside the measurement it is from, on the 256M and 500M; for the tower, the
start of a decoder and the prefill also on the 2.2B, so only the formulas of weights are independent
of what they were checked on.
The hub's other precisions (`ESTIMATED`), OpenVINO's tower and CUDA are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...checkpoint.config import ModelConfig
from ..footprint import Setup
from .backend import CHUNK
from .files import BLOCKS, INLINE_LIMIT, STATIC
from .table import PIECE, READ_AHEAD

MB = 1_000_000
MATRIX_BITS: Mapping[str, float] = {
    "fp32": 32,
    "fp16": 48,
    "int8": 8,
    STATIC: 8,
    "uint8": 8,
    "quantized": 8,
    "q4": 4,
    "q4f16": 4,
    "bnb4": 4,
}
"""fp16 is computed in float32: both are held, while it is loaded at least."""

ESTIMATED = ("fp16", "uint8", "quantized", "q4f16", "bnb4")
"""Precisions that `smolvlm export` does not write; their weights lie in the graph itself."""

RUNTIME = 34 * MB
"""Import 12.6 MB, code that sessions touch 9 MB, running them 4.5 MB; then the engine's threads and
modules and the image readers."""

HEAP = 16 * MB
"""At most, of heap that loading leaves between what it keeps: a small model leaves less."""

OPENVINO = 54 * MB
"""Import 15 MB, code that compiling a model touches 39 MB."""

OPENVINO_TOWER = 25 * MB
"""What OpenVINO holds of a compiled tower besides weights and activations, which it keeps."""

SESSION = 3 * MB
"""Nodes and kernels of a tower's session: 2 to 6 MB, with biases and norms."""

FOREIGN = 15 * MB, 0.2
"""What files of others than `smolvlm export` take beside their token table, whose weights lie in
the graph itself: a part, and a share of the weights. Load and icon of the 256M's own matrices in
such a form took 48 MB more in int8 and 43 in q4; the model card's form in fp32 took 30."""

PAGE_TOKENS = 1024
"""Up to here attention's scores are part of what was measured in units of `wide`."""

KEPT = 12 * MB
"""At most, of what the first chunk leaves behind in the heap: 8 to 12 MB on the 256M, 8.6 on the
500M."""


class Shapes:
    """How many weights and values the graphs hold."""

    def __init__(self, config: ModelConfig) -> None:
        text, vision = config.text, config.vision
        self.hidden, self.wide = text.hidden_size, text.intermediate_size
        self.tower_hidden, self.tower_wide = vision.hidden_size, vision.intermediate_size
        self.heads, self.vocabulary = text.heads, text.vocab_size
        self.tile_tokens = config.image.tokens_per_tile
        self.pixels = 3 * vision.image_size**2  # of one tile, as the next
        self.patches = (vision.image_size // vision.patch_size) ** 2
        self.cached = 2 * text.layers * text.kv_heads * text.head_dim  # keys and values of a token
        # Weights in matrices: tower and connector; the patches' convolution and their positions.
        layer = 4 * self.tower_hidden**2 + 2 * self.tower_hidden * self.tower_wide
        connector = self.tower_hidden * config.scale_factor**2 * self.hidden
        self.tower = vision.layers * layer + connector
        self.patch_weights = self.tower_hidden * (3 * vision.patch_size**2 + self.patches)
        # The token table, which is the size of the output's matrix; the decoder with the latter.
        self.table = self.vocabulary * self.hidden
        attention = 2 * (text.heads + text.kv_heads) * text.head_dim
        self.decoder = text.layers * self.hidden * (attention + 3 * self.wide) + self.table


class OnnxFootprint:
    """See `Footprint`."""

    def __init__(self, setup: Setup) -> None:
        self._shapes = Shapes(setup.config)
        self._precision = setup.precision
        self._on_host = setup.on_host
        self._foreign = setup.foreign
        self._openvino = setup.backend == "openvino"

    @property
    def libraries(self) -> Mapping[str, int]:
        if not self._on_host:
            return {}
        return {"onnxruntime": RUNTIME} | ({"openvino": OPENVINO} if self._openvino else {})

    @property
    def weights(self) -> Mapping[str, int]:
        shapes = self._shapes
        tower = _matrices(shapes.tower, self._precision["vision"])
        decoder = _matrices(shapes.decoder, self._precision["decoder"])
        if self._foreign and self._on_host:
            started, share = FOREIGN
            tower, decoder = int(tower * (1 + share)), int(decoder * (1 + share)) + started
        # Kernels, and what running four tokens leaves: 6.8, 9.2 and 14.2 MB.
        started = 5 * MB + 5000 * shapes.hidden + min(HEAP, shapes.decoder // 8)
        session = SESSION if self._on_host else 0
        if self._openvino:
            session = OPENVINO_TOWER + self._activations()
        return {
            "vision": tower + shapes.patch_weights * 4 + session,
            "embed": self._table(),
            "decoder": decoder + (started if self._on_host else 0),
        }

    @property
    def metadata(self) -> int:
        """Scales of rows or blocks; on a CPU also the sums of blocks that it multiplies with."""
        shapes, total = self._shapes, 0
        for part, count in (("vision", shapes.tower), ("decoder", shapes.decoder)):
            total += self._scales(part, count) * (2 if self._on_host else 1)
        return total

    @property
    def loading(self) -> int:
        """The decoder's scales and its largest matrix, the output's, as they are in the file."""
        shapes, precision = self._shapes, self._precision["decoder"]
        largest = _matrices(shapes.table, precision)
        scales = self._scales("decoder", shapes.decoder + shapes.table)
        if precision in ESTIMATED:  # the whole graph is parsed first
            largest = _matrices(shapes.decoder, precision)
        return largest + scales if self._on_host else 0

    def vision(self, tiles: int) -> int:
        """Activations, which OpenVINO never gives back, and the tiles as floats."""
        together = tiles if self._precision["vision"] in ("fp32", "fp16") else 1
        own = 0 if self._openvino else together * self._activations()
        return own + tiles * self._shapes.pixels * 4

    def features(self, tiles: int) -> int:
        return tiles * self._shapes.tile_tokens * self._shapes.hidden * 4

    def kv(self, tokens: int) -> int:
        """float32, or float16 where the hub's file wants that; foreign graphs may copy it."""
        each = 2 if self._precision["decoder"] in ("fp16", "q4f16") else 4
        each *= 2 if self._foreign else 1
        return tokens * self._shapes.cached * each

    def prefill(self, tokens: int, before: int = 0) -> int:
        """One chunk: gate and up joined, apart, activated, multiplied, and the arena's gaps.

        Measured in units of `wide`: 6.7 on the 256M, 7.8 on the 500M, 9.0 on the 2.2B, on prompts
        of a page; every head's scores of what lies further back come on top.
        """
        rows = min(tokens, CHUNK)
        scores = rows * self._shapes.heads * max(0, tokens + before - PAGE_TOKENS) * 4
        return rows * self._read() + scores + self._kept()

    def logits(self, rows: int) -> int:
        """As the graph gives them, shifted, and their exponentials; ordered in float64 to draw."""
        return rows * self._shapes.vocabulary * 4 + 4 * self._shapes.vocabulary * 4

    def step(self, rows: int, tokens: int) -> int:
        shapes = self._shapes
        row = (6 * shapes.wide + 5 * shapes.hidden) * 4
        return rows * (row + tokens * 16) + 6 * MB + self._kept()

    def _activations(self) -> int:
        """Of one tile: two widened and eight plain sets of patches; in int8 6.5 plain ones."""
        shapes = self._shapes
        plain = 13 if self._precision["vision"] in ("int8", STATIC) else 16  # halves
        return shapes.patches * (4 * shapes.tower_wide + plain * shapes.tower_hidden) // 2 * 4

    def _read(self) -> int:
        """Working memory of one token of a chunk."""
        return (9 * self._shapes.wide + 2 * self._shapes.hidden) * 4

    def _kept(self) -> int:
        return min(KEPT, CHUNK * self._read() // 2) if self._on_host else 0

    def _scales(self, part: str, count: int) -> int:
        """Bytes of the scales of `count` weights, where a component's lie in blocks."""
        precision = self._precision[part]
        in_blocks = MATRIX_BITS[precision] == 4 or (part == "decoder" and precision == "int8")
        return count // BLOCKS[int(MATRIX_BITS[precision])] * 4 if in_blocks else 0

    def _table(self) -> int:
        precision, table = self._precision["embed"], self._shapes.table
        each = {"int8": 1, "uint8": 1, "quantized": 1, "fp16": 2, "q4f16": 2}.get(precision, 4)
        mapped = self._on_host and not self._foreign and table * each > INLINE_LIMIT
        return PIECE * READ_AHEAD if mapped else table * each


def _matrices(count: int, precision: str) -> int:
    """Bytes of `count` weights without their scales."""
    return int(count * MATRIX_BITS[precision]) // 8
