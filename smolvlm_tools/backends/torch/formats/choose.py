"""Which library makes a quantized kind, and whether it can here; knows no kernels.

Libraries are imported when a kind of theirs is first asked for. What they raise becomes
`BackendUnavailable`, at load: before any weight is read, a small matrix is multiplied.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

import torch

from ....errors import BackendUnavailable
from ..names import OWN, library_of
from .matrix import Format, Stored

MODULES = {
    None: "packed",
    "bitsandbytes": "bitsandbytes",
    "torchao": "torchao",
    "optimum.quanto": "quanto",
}
DISTRIBUTIONS = {"optimum.quanto": "optimum-quanto"}
"""Where it is not called as the module is."""

FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    AssertionError,
    AttributeError,
    ImportError,
    OSError,
    LookupError,
)
"""What the libraries raise where they cannot; NotImplementedError is a RuntimeError."""

FARTHEST = 0.3
"""Error of a product, relative to its norm, that no kind has: 4 bits err by about 0.1."""


def format_of(kind: str) -> Format:
    """The module that makes a kind.

    Raises:
        BackendUnavailable: its library cannot be imported.
    """
    library = library_of(kind)
    if library is not None:
        import_library(library)
    return cast(Format, importlib.import_module(f".{MODULES[library]}", __package__))


def import_library(name: str) -> Any:
    """Import a library without its notes about what it was built without.

    Raises:
        BackendUnavailable: it is not installed, or does not fit this torch.
    """
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except FAILURES as error:
        raise BackendUnavailable(
            f"{name} cannot be imported ({_short(error)})",
            "Run `pip install 'smolvlm-tools[quant]'`, or use precision 'bf16'.",
        ) from error
    finally:
        logging.disable(before)


def quantize_weight(weight: torch.Tensor, kind: str) -> Stored:
    """The plain tensors of a quantized weight (outputs, inputs), on its device.

    Raises:
        BackendUnavailable: the kind's library is missing or refuses it.
    """
    with typed_errors(kind, str(weight.device)):
        return format_of(kind).quantize(weight, kind)


def check_kinds(kinds: Iterable[str], device: str, activations: torch.dtype) -> None:
    """Check that each kind can be multiplied on a device, by multiplying a small matrix.

    Raises:
        BackendUnavailable: one cannot; it says which, and why.
    """
    for kind in dict.fromkeys(kinds):
        if library_of(kind) is not None:
            _try(kind, device, activations)


def _try(kind: str, device: str, activations: torch.dtype) -> None:
    weight, x = _example(device, activations)
    exact = x.float() @ weight.float().t()
    with typed_errors(kind, device):
        made = format_of(kind)
        stored = made.quantize(weight, kind)
        matrix = made.matrix(stored, kind, (weight.shape[0], weight.shape[1]), None, activations)
        for rows in (1, len(x)):
            error = (matrix(x[:rows]).float() - exact[:rows]).norm() / exact[:rows].norm()
            if not error < FARTHEST:
                raise RuntimeError(f"a product of it is wrong by {float(error):.0%}")


def _example(device: str, activations: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight (128, 256) and rows (40, 256); the first of each would overflow sums of 16 bits."""
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn((128, 256), generator=generator), torch.randn((40, 256))
    weight[0], x[0] = 1.0, 1.0
    return weight.to(device, torch.bfloat16), x.to(device, activations)


@contextmanager
def typed_errors(kind: str, device: str) -> Generator[None]:
    """Turn what a library raises into `BackendUnavailable`; a full memory stays what it is."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except FAILURES as error:
        library = library_of(kind) or "torch"
        raise BackendUnavailable(
            f"{library} {_version(library)} cannot run {kind} on {device} ({_short(error)})",
            _instead(device),
        ) from error


def _instead(device: str) -> str:
    names = ("bnb-nf4", "torchao-int8", "quanto-int8")
    if device.startswith("cpu"):
        names = OWN
    return f"Use precision {' or '.join(map(repr, names))} there, or 'bf16'."


def _short(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(library, library))
    except importlib.metadata.PackageNotFoundError:
        return "(of an unknown version)"
