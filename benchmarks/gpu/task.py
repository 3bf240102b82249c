"""What the GPU checks share: the checkpoint, the pictures, and how the model is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.gpu.memory import CudaGpu
from benchmarks.prompts import Images, exactly, write_images

SQUARE = (2048, 2048)


@dataclass(frozen=True, slots=True)
class GpuTask:
    """One process's work."""

    folder: Path
    images: Images
    device: str
    argument: str  # a precision, a budget, or an engine, as the run wants
    gpu: CudaGpu

    def load(self, **options: Any) -> Any:
        """Load the checkpoint in the torch backend, with options of `SmolVLM.load`."""
        from smolvlm_tools import SmolVLM

        return SmolVLM.load(self.folder, **({"backend": "torch", "device": self.device} | options))


def write_pictures(folder: Path) -> None:
    """Draw the pictures of all tasks, the square one included."""
    images = write_images(folder)
    with Image.open(images.pages[0]) as page:
        page.resize(SQUARE).save(images.square)


def ask(vlm: Any, messages: list[dict[str, Any]], new_tokens: int, **options: Any) -> Any:
    """A reply of exactly so many tokens."""
    return vlm.generate(messages, **exactly(new_tokens), **options)


def token_ids(result: Any) -> list[int]:
    """The tokens of a result that was asked for with `logprobs=True`."""
    return [token.id for token in result.tokens]


def usage_of(result: Any) -> dict[str, Any]:
    """What a result says about its memory."""
    usage = result.usage
    return {
        "predicted": usage.predicted_bytes,
        "peak": usage.peak_bytes,
        "tiles": usage.tiles,
        "prompt_tokens": usage.prompt_tokens,
        "flags": list(result.flags),
    }
