"""The parts of memory that one way of running a checkpoint takes; arithmetic on shapes alone.

`registry.footprint_of(setup)` gives them; `memory.predict` adds them up by stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..checkpoint.config import ModelConfig
from ..machine.cpu import CpuFeatures, this_cpu


@dataclass(frozen=True, slots=True)
class Setup:
    """What runs a checkpoint, every choice made.

    Attributes:
        config: the checkpoint's numbers.
        backend: its name.
        device: "cpu", "cuda", "cuda:N" or "mps".
        precision: of each component, never "auto". onnx and openvino: vision, embed, decoder.
            torch: vision, connector, decoder, lm_head.
        foreign: whether ONNX files are others than `smolvlm export` wrote, as the hub's are.
        cpu: what the host's CPU can do.
    """

    config: ModelConfig
    backend: str
    device: str
    precision: Mapping[str, str]
    foreign: bool = False
    cpu: CpuFeatures = field(default_factory=this_cpu)

    @property
    def tied(self) -> bool:
        """Whether the output matrix is the token table."""
        return self.config.tied

    @property
    def kind(self) -> str:
        """The device without its number."""
        return self.device.partition(":")[0]

    @property
    def on_host(self) -> bool:
        """Whether its memory is this process's own, and not an accelerator's."""
        return self.kind == "cpu"


class Footprint(Protocol):
    """Bytes by part. On a CPU, resident memory of the process; on a GPU, of its allocator."""

    @property
    def libraries(self) -> Mapping[str, int]:
        """What importing and starting each library adds, by the name it is imported under."""
        ...

    @property
    def weights(self) -> Mapping[str, int]:
        """Of each component once loaded and used, without `metadata`."""
        ...

    @property
    def metadata(self) -> int:
        """Scales, zero points and code books of the quantized weights."""
        ...

    @property
    def loading(self) -> int:
        """What the highest moment of loading needs above libraries, weights and metadata."""
        ...

    def vision(self, tiles: int) -> int:
        """Working memory of one `encode` of so many tiles, their normalised pixels included."""
        ...

    def features(self, tiles: int) -> int:
        """Image features of so many tiles."""
        ...

    def kv(self, tokens: int) -> int:
        """Keys and values of one sequence of so many tokens."""
        ...

    def prefill(self, tokens: int, before: int = 0) -> int:
        """Working memory of reading so many tokens after `before` others, the logits apart."""
        ...

    def logits(self, rows: int) -> int:
        """Scores of so many sequences' next tokens, with what sampling makes of them."""
        ...

    def step(self, rows: int, tokens: int) -> int:
        """Working memory of a decode step of `rows` sequences of up to `tokens` tokens."""
        ...
