"""Reads the tensors of a safetensors folder one at a time; knows names and shapes, not layers."""

from __future__ import annotations

import json
from collections.abc import Container, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import AdapterFiles
from ..errors import ModelInvalid, ModelNotFound

if TYPE_CHECKING:
    from ..backends.torch.lora.adapter import Adapter

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
HEAD = "lm_head.weight"


class Weights:
    """The tensors of one checkpoint by name, read lazily as float32.

    Args:
        handles: which open safetensors file holds each tensor.
        half: round every tensor to float16 first.
        adapter: merged into them before that.
    """

    def __init__(
        self, handles: dict[str, Any], *, half: bool = False, adapter: Adapter | None = None
    ) -> None:
        self._handles = handles
        self._half = half
        self._adapter = adapter
        if adapter is not None:
            adapter.assign(lambda name: name in handles)
        self.unread = set(handles)

    def __contains__(self, name: str) -> bool:
        return name in self._handles

    def get(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The tensor `name` as float32.

        Raises:
            ModelInvalid: it is missing, of another shape than the configuration says, or not
                finite.
        """
        import torch

        if name not in self._handles:
            raise ModelInvalid(
                f"the weights have no tensor {name}", "Fetch or convert the checkpoint again."
            )
        tensor = self._handles[name].get_tensor(name)
        if tuple(tensor.shape) != shape:
            raise ModelInvalid(
                f"tensor {name} is {tuple(tensor.shape)}, the configuration says {shape}",
                "config.json and weights belong to different checkpoints.",
            )
        if self._adapter is not None and name in self._adapter:
            tensor = self._adapter.apply(name, tensor.clone())  # not into the mapped file's pages
        tensor = tensor.float()
        if self._half:
            tensor = tensor.half().float()
        if not bool(torch.isfinite(tensor).all()):
            raise ModelInvalid(
                f"tensor {name} holds NaN or infinite values"
                + (" once rounded to float16" if self._half else ""),
                "Export a checkpoint with finite weights.",
            )
        self.unread.discard(name)
        return tensor.numpy()

    def merged(self) -> Generator[tuple[str, NDArray[np.float32]]]:
        """Names and values of the tensors that the adapter changes; raises as `get` does."""
        for name, handle in self._handles.items():
            if self._adapter is not None and name in self._adapter:
                yield name, self.get(name, tuple(handle.get_slice(name).get_shape()))

    def check_all_merged(self) -> None:
        """Check that all of the adapter is in the tensors read so far.

        Raises:
            ModelInvalid: some of it is not.
        """
        if self._adapter is not None:
            self._adapter.check_all_used()


@contextmanager
def open_weights(
    folder: Path, *, half: bool = False, adapter: AdapterFiles | None = None
) -> Generator[Weights]:
    """Open every safetensors file of `folder`; see `Weights`.

    Raises:
        ModelNotFound: there is none, or one that the index names is missing.
        ModelInvalid: one is damaged, or the adapter cannot be merged into them.
    """
    from safetensors import SafetensorError, safe_open

    handles: dict[str, Any] = {}
    for path in _weight_files(folder):
        try:
            handle: Any = safe_open(path, framework="pt")
            handles.update(dict.fromkeys(handle.keys(), handle))
        except FileNotFoundError as error:
            raise _missing(folder, path.name) from error
        except (SafetensorError, OSError) as error:
            raise ModelInvalid(
                f"{path} is damaged ({error})", "Fetch the checkpoint again."
            ) from error
    yield Weights(handles, half=half, adapter=_open_adapter(adapter, handles))
    handles.clear()


def _open_adapter(files: AdapterFiles | None, names: Container[str]) -> Adapter | None:
    if files is None:
        return None
    from ..backends.torch.lora.adapter import open_adapter

    if HEAD not in names:
        raise ModelInvalid(
            "an adapter cannot be exported with a checkpoint whose output matrix is tied to its "
            "token table",
            "Use the torch backend for this adapter.",
        )
    return open_adapter(files)


def _weight_files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if not index.exists():
        if not (folder / SINGLE).exists():
            raise _missing(folder, SINGLE)
        return [folder / SINGLE]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelInvalid(
            f"{index} is not a safetensors index", "Fetch the checkpoint again."
        ) from error
    if any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise ModelInvalid(f"{index} names files outside its folder", "Do not use this checkpoint.")
    return [folder / name for name in names]


def _missing(folder: Path, name: str) -> ModelNotFound:
    return ModelNotFound(
        f"{folder} has no {name}", "Export needs the checkpoint's safetensors weights."
    )
