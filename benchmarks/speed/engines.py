"""The engines under measurement, by name, and the calls they share; knows none of them itself.

A column is named by what it is made of: `auto` (what `SmolVLM.load` picks), `onnx:int8`,
`openvino:auto`, `torch:bf16` (this project's backends, through its public API),
`transformers:bf16:sdpa` (the library's own `generate`), `card:fp32` (the model card's loop over
ONNX Runtime) or `llama.cpp:q8_0`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from smolvlm_tools.errors import BadOptions

QUICK_ENGINES = (
    "auto",
    "onnx:auto",
    "llama.cpp:q8_0",
    "transformers:fp32:sdpa",
    "transformers:bf16:sdpa",
)
FULL_ENGINES = (
    "auto",
    "onnx:auto",
    "onnx:fp32",
    "onnx:int8",
    "onnx:q4",
    "openvino:auto",
    "torch:fp32",
    "torch:bf16",
    "torch:int8",
    "llama.cpp:q8_0",
    "card:fp32",
    "transformers:fp32:sdpa",
    "transformers:bf16:sdpa",
    "transformers:fp32:eager",
    "transformers:bf16:eager",
)
OURS = ("auto", "onnx", "openvino", "torch")
PRECISIONS = ("fp32", "bf16", "fp16")
ATTENTION = ("sdpa", "eager")


@dataclass(frozen=True, slots=True)
class Request:
    """A question about images, which come first in the prompt.

    Attributes:
        text: of the user.
        images: files.
        resolution: "native", "auto" or 1 (one tile). The peers know no "auto" and take "native".
    """

    text: str
    images: tuple[Path, ...] = ()
    resolution: str | int = "native"


@dataclass(frozen=True, slots=True)
class Timing:
    """One reply. All times in seconds.

    Attributes:
        prompt_tokens: all the decoder's context at the first token.
        tiles: tiles encoded or taken from a cache.
        prepare, vision, prefill: the stages before the first token; None where not to be told
            apart from outside.
        first_token: from the request to the first token in the caller's hands.
        step: mean between two tokens; 0 with one.
    """

    prompt_tokens: int
    tiles: int
    prepare: float | None
    vision: float | None
    prefill: float | None
    first_token: float
    step: float


class Engine(Protocol):
    """A loaded model that decodes greedily and past the end-of-utterance token."""

    def prepare(self, image: Path) -> float | None:
        """Seconds to read an image file and cut its native tiles; None where unknown."""
        ...

    def reply(self, request: Request, new_tokens: int) -> Timing:
        """Decode exactly `new_tokens`."""
        ...

    def together(self, requests: Sequence[Request], new_tokens: int) -> float:
        """Seconds to answer all requests, given at once."""
        ...

    def close(self) -> None: ...


def check_engine(name: str) -> None:
    """Raise BadOptions if no engine is called `name`."""
    kind, *rest = name.split(":")
    if kind == "transformers":
        known = len(rest) == 2 and rest[0] in PRECISIONS and rest[1] in ATTENTION
    elif kind == "auto":
        known = not rest
    else:
        known = name in ("card:fp32", "llama.cpp:q8_0") or (kind in OURS and len(rest) == 1)
    if not known:
        raise BadOptions(
            f"unknown engine {name!r}", f"Known ones look like: {', '.join(FULL_ENGINES)}."
        )


def is_ours(name: str) -> bool:
    """Whether a column is this project's."""
    return name.split(":")[0] in OURS


def cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def load_engine(
    name: str, folder: Path, *, cache: bool = False, parallel: int = 1, pages: int = 1
) -> Engine:
    """Load the checkpoint in `folder`.

    Args:
        name: of the engine.
        folder: in the hub's layout.
        cache: whether work may be reused from one request to the next.
        parallel: most requests given at once.
        pages: most pages in one request.

    Raises:
        BadOptions: an unknown name.
        ModelError: the engine is not installed or the folder lacks its files.
    """
    check_engine(name)
    kind, *rest = name.split(":")
    if kind == "transformers":
        from benchmarks.speed.transformers import Transformers

        return Transformers(folder, rest[0], rest[1])
    if kind == "card":
        from benchmarks.speed.card import CardLoop

        return CardLoop(folder)
    if kind == "llama.cpp":
        from benchmarks.speed.llama import LlamaCpp

        return LlamaCpp(folder, cache=cache, parallel=parallel, pages=pages)
    from benchmarks.speed.ours import Ours

    return Ours(folder, kind, rest[0] if rest else "auto", cache=cache)


def mean_gap(arrivals: Sequence[float]) -> float:
    """Mean time between two tokens; no median, as a stream may hand them over in bursts."""
    return (arrivals[-1] - arrivals[0]) / max(1, len(arrivals) - 1)
