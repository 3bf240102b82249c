"""The engines under measurement, by name.

An engine's name says what it is made of: `auto` (what `SmolVLM.load` picks), `onnx:int8`,
`openvino:auto`, `torch:bf16` (this project's backends, through its public API),
`transformers:bf16:sdpa` (the library's own `generate`), `card:fp32` (the model card's loop over
ONNX Runtime) or `llama.cpp:q8_0`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed.calls import Engine
from smolvlm_tools.errors import BadOptions

DEFAULT, LEAN = "auto", "onnx:auto"
BF16, FP32, LLAMA = "transformers:bf16:sdpa", "transformers:fp32:sdpa", "llama.cpp:q8_0"
CARD = "card:fp32"
QUICK_ENGINES = (DEFAULT, LEAN, LLAMA, FP32, BF16)
FULL_ENGINES = (
    *(DEFAULT, LEAN, "onnx:fp32", "onnx:int8", "onnx:q4", "openvino:auto"),
    *("torch:fp32", "torch:bf16", "torch:int8"),
    *(LLAMA, CARD, FP32, BF16, "transformers:fp32:eager", "transformers:bf16:eager"),
)
BACKENDS = ("onnx", "openvino", "torch")
PRECISIONS = ("fp32", "bf16", "fp16")
ATTENTION = ("sdpa", "eager")


def check_engine(name: str) -> None:
    """Raise BadOptions if no engine is called `name`."""
    kind, *rest = name.split(":")
    if kind == "transformers":
        known = len(rest) == 2 and rest[0] in PRECISIONS and rest[1] in ATTENTION
    else:
        known = name in (DEFAULT, CARD, LLAMA) or (kind in BACKENDS and len(rest) == 1)
    if not known:
        raise BadOptions(
            f"unknown engine {name!r}", f"Known ones look like: {', '.join(FULL_ENGINES)}."
        )


def is_ours(name: str) -> bool:
    """Whether an engine is this project's."""
    return name == DEFAULT or name.split(":")[0] in BACKENDS


def load_engine(
    name: str, folder: Path, *, cache: bool = False, parallel: int = 1, pages: int = 1
) -> Engine:
    """Load a checkpoint into an engine.

    With `cache` work may be reused from one request to the next; `parallel` and `pages` are the
    most requests at once and the most pages in one.
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
