"""The backends. A new one takes one line here."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadOptions
from .footprint import Footprint, Setup
from .no_footprint import NoFootprint
from .onnx.spec import OnnxSpec
from .openvino.spec import OpenVinoSpec
from .spec import BackendSpec
from .torch.spec import TorchSpec

SPECS: dict[str, BackendSpec] = {
    "onnx": OnnxSpec(),
    "openvino": OpenVinoSpec(),
    "torch": TorchSpec(),
}


def spec_of(name: str) -> BackendSpec:
    """What is known of a backend.

    Raises:
        BadOptions: there is no such backend.
    """
    if name == "remote":
        raise BadOptions(
            "backend 'remote' has its weights on a server, and they are needed here",
            f"Use one of {', '.join(('auto', *SPECS))}.",
        )
    if name not in SPECS:
        known = ", ".join(("auto", *SPECS, "remote"))
        raise BadOptions(f"unknown backend {name!r}", f"Use one of {known}.")
    return SPECS[name]


def footprint_of(setup: Setup) -> Footprint:
    """What a setup takes; nothing for backends that are not listed, as the fake one."""
    spec = SPECS.get(setup.backend)
    return spec.footprint(setup) if spec else NoFootprint()


def describe_precision(backend: str, precision: Mapping[str, str]) -> str:
    """The precision of every component as one text; see `BackendSpec.describe`."""
    return spec_of(backend).describe(precision)
