"""Makes a quantized kind with the library it needs, after checking that the library can do it here.

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

import torch

from ....errors import BackendUnavailable
from ..names import OWN, library_of
from .format import Library
from .matrix import Kernels, Stored
from .registry import FORMATS

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
"""What the libraries raise for what they cannot do; NotImplementedError is a RuntimeError."""

WRONG = 0.3
"""Error of a product, relative to its norm, that no kind reaches: that of 4 bits is about 0.1."""


def format_of(kind: str) -> Kernels:
    """The functions that make and multiply a kind."""
    made = FORMATS[kind]
    if made.library is not None:
        _import(made.library)
    return made.kernels()


def quantize_weight(weight: torch.Tensor, kind: str) -> Stored:
    """The plain tensors of a quantized weight (outputs, inputs), on its device."""
    with typed_errors(kind, str(weight.device)):
        return format_of(kind).quantize(weight, kind)


def check_kinds(kinds: Iterable[str], device: str, activations: torch.dtype) -> None:
    """Check that each kind can be multiplied on a device, by multiplying a small matrix."""
    for kind in dict.fromkeys(kinds):
        if library_of(kind) is not None:
            _try(kind, device, activations)


@contextmanager
def typed_errors(kind: str, device: str) -> Generator[None]:
    """Turn what a library raises into `BackendUnavailable`; a full memory stays what it is."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except FAILURES as error:
        names = OWN if device.startswith("cpu") else ("bnb-nf4", "torchao-int8", "quanto-int8")
        raise BackendUnavailable(
            f"{_version(FORMATS[kind].library)} cannot run {kind} on {device} ({_short(error)})",
            f"Use precision {' or '.join(map(repr, names))} there, or 'bf16'.",
        ) from error


def _import(library: Library) -> None:
    """Import a library without its notes about what it was built without."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(library.name)
    except FAILURES as error:
        raise BackendUnavailable(
            f"{library.name} cannot be imported ({_short(error)})",
            "Run `pip install 'smolvlm-tools[quant]'`, or use precision 'bf16'.",
        ) from error
    finally:
        logging.disable(before)


def _try(kind: str, device: str, activations: torch.dtype) -> None:
    weight, x = _example(device, activations)
    exact = x.float() @ weight.float().t()
    with typed_errors(kind, device):
        made = format_of(kind)
        stored = made.quantize(weight, kind)
        matrix = made.matrix(stored, kind, (weight.shape[0], weight.shape[1]), None, activations)
        for rows in (1, len(x)):
            error = (matrix(x[:rows]).float() - exact[:rows]).norm() / exact[:rows].norm()
            if not error < WRONG:
                raise RuntimeError(f"its products are wrong by {float(error):.0%}")


def _example(device: str, activations: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight (128, 256) and rows (40, 256); the first of each would overflow sums of 16 bits."""
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn((128, 256), generator=generator), torch.randn((40, 256))
    weight[0], x[0] = 1.0, 1.0
    return weight.to(device, torch.bfloat16), x.to(device, activations)


def _short(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _version(library: Library | None) -> str:
    """A library's name and version."""
    if library is None:
        return f"torch {torch.__version__}"
    try:
        return f"{library.name} {importlib.metadata.version(library.distribution)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{library.name} (of an unknown version)"
