"""A LoRA adapter in PEFT's format, merged into a checkpoint's tensors one by one as they are read.

Knows the files that peft's `save_pretrained` writes and peft's arithmetic, not layers; peft itself
is not needed. Only safetensors are read. The tensors themselves say which layers are adapted, so
`target_modules` is not consulted.

W' = W + scale * B A, with scale = alpha / r, or alpha / sqrt(r) (rsLoRA)
W' = m * (W + scale * B A) / ||W + scale * B A||, a norm per output (DoRA)

It is computed in float32 and stored in the dtype of W's file, as peft's merge does, in place and
some rows at a time: merging needs a few megabytes more than loading does without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from ....checkpoint.adapter import ADAPTER_CONFIG, ADAPTER_TENSORS, AdapterFiles
from ....checkpoint.safetensors import read_safetensors_header
from ....errors import ModelInvalid
from ..weights import TorchWeights
from .config import AdapterConfig

VALUES_AT_ONCE = 1 << 20
"""Entries of a matrix that are float32 at one time."""

_KEY = re.compile(
    r"(?P<module>.+?)\.(?P<part>"
    r"lora_A\.weight|lora_B\.weight|lora_B\.bias|lora_embedding_A|lora_embedding_B|"
    r"lora_magnitude_vector(?:\.weight)?|token_adapter\.trainable_tokens_delta|"
    r"(?:base_layer\.|modules_to_save\.)?(?:weight|bias))"
)
_WRAPPERS = ("base_model.model.", "base_model.")
_MOVED = (
    ("model.language_model.", "model.text_model."),
    ("language_model.model.", "model.text_model."),
    ("language_model.", "model.text_model."),
    ("text_model.", "model.text_model."),
    ("model.vision_tower.", "model.vision_model."),
    ("vision_model.", "model.vision_model."),
    ("connector.", "model.connector."),
    ("language_model.lm_head", "lm_head"),
    ("model.lm_head", "lm_head"),
)
"""Where other versions of the model's class keep its parts, and where the hub's files do."""

_OTHER_BASE = "Use the checkpoint that the adapter was trained on (base_model_name_or_path)."


@dataclass(slots=True)
class _Change:
    """What becomes of one tensor; the values are names of tensors in the adapter's file.

    Attributes:
        module: the layer's name as the adapter has it, for the patterns of its configuration.
        value: replaces the tensor.
        rows: replaces the rows of some tokens.
        a, b, magnitude: the factors, and the norms for DoRA.
        shift: what `scale` times is added, of a bias.
        table: whether the factors are those of an embedding: (r, tokens) and (width, r).
    """

    module: str
    value: str = ""
    rows: str = ""
    a: str = ""
    b: str = ""
    magnitude: str = ""
    shift: str = ""
    table: bool = False


@dataclass(slots=True)
class Adapter:
    """An adapter's tensors, by the tensors of the checkpoint that they change.

    Attributes:
        name: what messages call it.
    """

    name: str
    _config: AdapterConfig
    _tensors: TorchWeights
    _shapes: dict[str, tuple[int, ...]]
    _changes: dict[str, _Change] = field(default_factory=dict[str, _Change])

    def __contains__(self, name: str) -> bool:
        return name in self._changes

    def check_all_used(self) -> None:
        """Check that every tensor of the file went into one of the checkpoint.

        Raises:
            ModelInvalid: one did not.
        """
        if left := sorted(self._tensors.unread):
            raise ModelInvalid(
                f"{len(left)} tensors of the adapter {self.name} went into no layer, such as "
                f"{left[0]}",
                _OTHER_BASE,
            )

    def replaces_rows(self, name: str) -> bool:
        """Whether the change of a tensor is nothing but some rows of its own."""
        change = self._changes[name]
        return bool(change.rows) and not (change.value or change.b)

    def replaces(self, name: str) -> bool:
        """Whether a tensor is replaced as a whole, before what else is done to it."""
        return bool(self._changes[name].value)

    def assign(self, known: Callable[[str], bool]) -> None:
        """Find the checkpoint's tensor of each of the adapter's.

        Raises:
            ModelInvalid: it has none, or one half of a pair is missing.
        """
        for key in self._shapes:
            found = _KEY.fullmatch(key)
            if found is None:
                raise ModelInvalid(
                    f"the adapter {self.name} has a tensor {key}, unknown here",
                    "Use a LoRA adapter as peft's save_pretrained writes it.",
                )
            module, part = _unwrap(found["module"]), found["part"]
            leaf = "bias" if part.endswith("bias") else "weight"
            target = _locate(module, leaf, known)
            if target is None:
                raise ModelInvalid(
                    f"the adapter {self.name} changes {module}.{leaf}, which the checkpoint lacks",
                    _OTHER_BASE,
                )
            self._add(self._changes.setdefault(target, _Change(module)), part, key)
        for target, change in self._changes.items():
            self._check_complete(target, change)

    def apply(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Change the tensor `name`, in place where it is not replaced as a whole.

        Raises:
            ModelInvalid: the adapter's tensors have other shapes, or the result is not finite.
        """
        change = self._changes[name]
        if change.value:
            weight = self._read(change.value, tuple(weight.shape)).to(weight.dtype)
        if change.b:
            self._merge(name, change, weight)
        if change.shift:
            shift = self._read(change.shift, tuple(weight.shape)).float()
            weight += (self._config.scale_of(change.module) * shift).to(weight.dtype)
        if change.rows:
            self._replace_rows(name, change, weight)
        return weight

    def _replace_rows(self, name: str, change: _Change, weight: torch.Tensor) -> None:
        """Put the rows that the adapter has for single tokens into a table (tokens, width)."""
        ids = self._config.rows_of(change.module)
        if not ids or max(ids) >= len(weight):
            raise ModelInvalid(
                f"the adapter {self.name} has rows of the tokens {list(ids)} for {name}, which has "
                f"{len(weight)}",
                _OTHER_BASE,
            )
        weight[list(ids)] = self._read(change.rows, (len(ids), weight.shape[1])).to(weight.dtype)

    def _merge(self, name: str, change: _Change, weight: torch.Tensor) -> None:
        """W + scale * B A, or its DoRA form, into `weight`."""
        flat = weight.view(len(weight), -1)
        left, right = self._factors(change, weight)
        scale = self._config.scale_of(change.module)

        def parts() -> Iterator[tuple[slice, torch.Tensor]]:
            step = max(1, VALUES_AT_ONCE // flat.shape[1])
            for start in range(0, len(flat), step):
                rows = slice(start, start + step)
                yield rows, torch.addmm(flat[rows].float(), left[rows], right, alpha=scale)

        columns = None
        if change.magnitude and change.table:
            norms = sum((part.square().sum(0) for _, part in parts()), torch.zeros(()))
            columns = self._read(change.magnitude, (flat.shape[1],)).float() / norms.sqrt()
        outputs = None
        if change.magnitude and not change.table:
            shape = (1, len(weight), 1, 1) if weight.dim() == 4 else (len(weight),)
            outputs = self._read(change.magnitude, shape).float().flatten()
        for rows, part in parts():
            if outputs is not None:
                part *= (outputs[rows] / torch.linalg.vector_norm(part, dim=1))[:, None]
            if columns is not None:
                part *= columns
            flat[rows] = part.to(flat.dtype)
            self._check_finite(name, flat[rows])

    def _factors(self, change: _Change, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Left (outputs, r) and right (r, inputs), float32, whose product changes a matrix."""
        rank, outputs, shape = self._config.rank_of(change.module), len(weight), weight.shape[1:]
        ones = (1,) * (weight.dim() - 2)  # a convolution's kernel
        if change.table:
            a = self._read(change.a, (rank, outputs)).float()
            b = self._read(change.b, (shape[0], rank)).float()
            return a.t(), b.t()
        a = self._read(change.a, (rank, *shape)).float()
        b = self._read(change.b, (outputs, rank, *ones)).float()
        return b.view(outputs, rank), a.view(rank, -1)

    def _read(self, key: str, shape: tuple[int, ...]) -> torch.Tensor:
        if self._shapes[key] != shape:
            raise ModelInvalid(
                f"the adapter {self.name} has {key} as {self._shapes[key]}, the checkpoint and the "
                f"adapter's configuration say {shape}",
                _OTHER_BASE,
            )
        tensor = self._tensors.get(key, shape)
        for part in tensor.view(-1).split(VALUES_AT_ONCE):
            self._check_finite(key, part)
        return tensor

    def _add(self, change: _Change, part: str, key: str) -> None:
        slot = {
            "lora_A.weight": "a",
            "lora_B.weight": "b",
            "lora_B.bias": "shift",
            "lora_embedding_A": "a",
            "lora_embedding_B": "b",
            "lora_magnitude_vector": "magnitude",
            "lora_magnitude_vector.weight": "magnitude",
            "token_adapter.trainable_tokens_delta": "rows",
        }.get(part, "value")
        if getattr(change, slot):
            raise ModelInvalid(
                f"the adapter {self.name} has both {getattr(change, slot)} and {key}",
                "Fetch the adapter again.",
            )
        setattr(change, slot, key)
        change.table = change.table or part.startswith("lora_embedding")

    def _check_complete(self, target: str, change: _Change) -> None:
        dora = self._config.dora and bool(change.b)
        lacks = {
            "lora_A": bool(change.b) and not change.a,
            "lora_B": bool(change.a or change.magnitude) and not change.b,
            "lora_magnitude_vector": dora and not change.magnitude,
        }
        missing = [part for part, is_missing in lacks.items() if is_missing]
        if missing or (change.magnitude and not dora):
            what = f"no {missing[0]}" if missing else "a lora_magnitude_vector, but no use_dora,"
            raise ModelInvalid(
                f"the adapter {self.name} has {what} for {target}", "Fetch the adapter again."
            )

    def _check_finite(self, name: str, values: torch.Tensor) -> None:
        if not bool(torch.isfinite(values).all()):
            raise ModelInvalid(
                f"the adapter {self.name} gives NaN or infinite values in {name}",
                "Use an adapter of this checkpoint with finite weights.",
            )


def open_adapter(files: AdapterFiles) -> Adapter:
    """Read an adapter's configuration and the names and shapes of its tensors.

    Raises:
        ModelInvalid: a file is damaged, or the adapter cannot be merged.
    """
    config = AdapterConfig.from_file(files.folder / ADAPTER_CONFIG)
    path = files.folder / ADAPTER_TENSORS
    tensors = TorchWeights([path])
    shapes = {key: tuple(entry["shape"]) for key, entry in read_safetensors_header(path).items()}
    if not shapes:
        raise ModelInvalid(f"{path.name} of {files.id} holds no tensors", "Fetch it again.")
    return Adapter(files.id, config, tensors, shapes)


def _unwrap(module: str) -> str:
    for wrapper in _WRAPPERS:
        if module.startswith(wrapper):
            return module[len(wrapper) :]
    return module


def _locate(module: str, leaf: str, known: Callable[[str], bool]) -> str | None:
    """The checkpoint's name of a tensor of a module."""
    names = [module]
    names += [new + module[len(old) :] for old, new in _MOVED if module.startswith(old)]
    return next((f"{name}.{leaf}" for name in names if known(f"{name}.{leaf}")), None)
