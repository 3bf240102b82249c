"""Recognises the errors of runtimes that ran out of memory, and turns them into ours."""

from __future__ import annotations

from ..errors import InputError, OutOfMemoryBudget

PHRASES = (
    "failed to allocate memory",  # ONNX Runtime's arenas
    "bad allocation",
    "bad_alloc",  # C++
    "out of memory",  # CUDA, torch
    "can't allocate memory",  # torch's CPU allocator
    "not enough memory",
    "cannot allocate memory",  # the system
    "alloc_failed",  # cuBLAS, cuDNN
)


def ran_out(error: BaseException) -> bool:
    """Whether an error of any library says that memory ran out."""
    if isinstance(error, (MemoryError, OutOfMemoryBudget)):
        return True
    if isinstance(error, InputError):  # it may quote such words from a file's name
        return False
    text = str(error).lower()
    return any(phrase in text for phrase in PHRASES)


def out_of_memory(doing: str, error: BaseException) -> OutOfMemoryBudget:
    """The error for memory that ran out while `doing` something."""
    return OutOfMemoryBudget(
        f"memory ran out while {doing} ({str(error)[:200] or type(error).__name__})",
        "Send fewer or smaller images, or choose a smaller precision or model. Or lower "
        "`resolution` or `max_new_tokens`, or load with a `memory_budget`.",
    )
