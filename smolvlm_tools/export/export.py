"""Exports a checkpoint: graphs are written to a scratch folder, checked, then moved into place."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..arrays import Tiles
from ..backends.onnx.files import COMPONENTS, EXPORTED, FOLDER, STATIC, component_file
from ..checkpoint import AdapterFiles, Checkpoint
from ..checkpoint.config import ModelConfig
from ..checkpoint.files import list_files
from ..errors import BadOptions, ModelError, ModelInvalid
from .reference import GREEDY_STEPS, compute_reference, require_export_packages
from .report import ComponentError, ExportedFile, ExportReport
from .scratch import scratch_folder
from .static import VISION, calibration_tiles, require_static_packages, write_static
from .unit import Unit, source_digest

PRECISIONS = EXPORTED
COPIED = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
    "chat_template.jinja",
)
"""Files of the checkpoint that are copied beside new weights, where they exist."""

FORMS = {True: "fused", False: "plain"}
TANH_GELU = "gelu_pytorch_tanh"
Progress = Callable[[str], None]


def export_checkpoint(
    checkpoint_folder: Path,
    out: Path,
    precisions: Sequence[str] = ("fp32",),
    *,
    fused: bool | None = None,
    weights: str = "fp32",
    progress: Progress | None = None,
    adapter: AdapterFiles | None = None,
    replace: bool = False,
    images: Path | None = None,
) -> ExportReport:
    """Write ONNX files in the hub's layout and check them against torch.

    Nothing appears in `out` until every file has been checked. fp32 files must match torch; of the
    others, only NaN or a wrong shape is a failure. Other precisions of the same model are kept.

    Args:
        checkpoint_folder: an Idefics3 / SmolVLM folder with safetensors weights.
        out: folder to write to; may be `checkpoint_folder`.
        precisions: of `PRECISIONS`, as `components.choose_matrices` explains them.
        fused: True for com.microsoft operators (faster; last logits only; no `position_ids` and
            `pixel_attention_mask`), False for standard operators and the hub's exact inputs, None
            for the fused form where the decoder's head size allows it.
        weights: "fp16" stores weights rounded to float16, half the bytes; still runs in float32.
        progress: called with one line before each step.
        adapter: a LoRA adapter to merge into the weights first (see `checkpoint.find_adapter`).
        replace: whether another model's ONNX files in `out` may be removed.
        images: a folder of images like those to come, for a vision tower in `static` int8, too.

    Raises:
        BackendUnavailable: a package of the extra `export`, or `static`, is not installed.
        BadOptions: an unknown precision or storage, heads the fused form cannot take, an adapter
            merged beside the checkpoint's own weights, another model's files in `out`, no images.
        InputError: one of the images cannot be read.
        ModelNotFound: the folder has no configuration or no safetensors weights.
        ModelInvalid: the checkpoint is contradictory, the adapter cannot be merged into it, or the
            written files do not match torch.
    """
    chosen = _check_options(precisions, weights)
    _check_apart(adapter, checkpoint_folder, out)
    require_export_packages()
    if images is not None:
        require_static_packages()
    config = ModelConfig.from_folder(checkpoint_folder)
    check_supported(checkpoint_folder)
    form, notes = _choose_form(config, fused)
    tiles = None if images is None else calibration_tiles(images, config)
    job = _Job(checkpoint_folder, out, config, form, weights == "fp16", adapter, replace, tiles)
    return dataclasses.replace(job.run(chosen, progress or say_nothing), notes=notes)


@dataclass(frozen=True, slots=True)
class _Job:
    """One export; `tiles` are those that static int8 is measured on."""

    source: Path
    out: Path
    config: ModelConfig
    fused: bool
    half: bool
    adapter: AdapterFiles | None
    replace: bool
    tiles: Tiles | None

    def run(self, precisions: Sequence[str], progress: Progress) -> ExportReport:
        """Write into a scratch folder, check the files there, and move them into place."""
        unit = self.unit(precisions)
        unit.check_place()
        existed = self.out.exists()
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            with scratch_folder(self.out) as scratch:
                errors = self.write(scratch, precisions, progress)
                report = self.check(scratch, precisions, progress)
                report = dataclasses.replace(report, errors=(*report.errors, *errors))
                unit.commit(scratch)
        except OSError as error:
            raise ModelError(
                f"the export to {self.out} failed ({error})", "Check permissions and free space."
            ) from error
        finally:
            if not existed and self.out.is_dir() and not any(self.out.iterdir()):
                self.out.rmdir()
        return report

    def unit(self, precisions: Sequence[str]) -> Unit:
        """What is to be put into place."""
        form = {"form": FORMS[self.fused], "weights": "fp16" if self.half else "fp32"}
        source = source_digest(self.source, self.adapter)
        made: dict[str, dict[str, Any]] = dict.fromkeys(precisions, form)
        if self.tiles is not None:
            made[STATIC] = {"form": "openvino", "tiles": len(self.tiles)}
        return Unit(self.out, self.source, source, made, self.replace)

    def write(
        self, scratch: Path, precisions: Sequence[str], progress: Progress
    ) -> list[ComponentError]:
        """Write all files; the errors that are known by then."""
        from .components import write_component
        from .weights import open_weights

        (scratch / FOLDER).mkdir()
        if self.source.resolve() != self.out.resolve():
            copy_small_files(self.source, scratch)
        weights = open_weights(self.source, half=self.half, adapter=self.adapter)
        write = partial(write_component, weights=weights, config=self.config)
        for precision in precisions:
            for component in COMPONENTS:
                progress(f"writing {component} ({precision})")
                write(scratch, component, precision, fused=self.fused, half=self.half)
        _check_all_read(weights.unread)
        weights.check_all_merged()
        return self.write_static(scratch, write, progress)

    def write_static(
        self, scratch: Path, write: Callable[..., None], progress: Progress
    ) -> list[ComponentError]:
        """The tower for OpenVINO, where images to measure on were named; its error."""
        if self.tiles is None:
            return []
        progress(f"writing {VISION} ({STATIC}) by {len(self.tiles)} tiles")
        with TemporaryDirectory(dir=scratch.parent, prefix=scratch.name) as folder:
            (Path(folder) / FOLDER).mkdir()
            write(Path(folder), VISION, "fp32", fused=True, half=False)
            return [
                write_static(Path(folder) / component_file(VISION, "fp32"), scratch, self.tiles)
            ]

    def check(self, scratch: Path, precisions: Sequence[str], progress: Progress) -> ExportReport:
        from .check import check_precision

        progress("running torch")
        truth = compute_reference(self.source, self.config, half=self.half, adapter=self.adapter)
        exported = Checkpoint(str(scratch), None, scratch, self.config, list_files(scratch))
        errors: list[ComponentError] = []
        same: dict[str, int] = {}
        for precision in precisions:
            progress(f"checking {precision} against torch")
            found, same[precision] = check_precision(exported, precision, truth)
            errors.extend(found)
        form, files = FORMS[self.fused], _list_files(scratch)
        return ExportReport(self.out, form, files, tuple(errors), same, GREEDY_STEPS + 1)


def copy_small_files(source: Path, out: Path) -> None:
    """Copy those of `COPIED` that `source` has."""
    for name in COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)


def _check_apart(adapter: AdapterFiles | None, checkpoint: Path, out: Path) -> None:
    """Refuse to put merged weights beside those without the adapter."""
    if adapter is not None and out.resolve() == checkpoint.resolve():
        raise BadOptions(
            f"{out} holds the checkpoint's own weights, which lack the adapter {adapter.id} that "
            "the exported files would contain",
            "Export to a folder of its own.",
        )


def check_supported(folder: Path) -> None:
    """Refuse other activations, scaled RoPE, biases in the decoder, and other than RGB images."""
    raw: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text, vision = raw.get("text_config") or {}, raw.get("vision_config") or {}
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    expected = {
        "text_config.hidden_act": (text.get("hidden_act", "silu"), "silu"),
        "text_config.attention_bias": (text.get("attention_bias") or False, False),
        "text_config.mlp_bias": (text.get("mlp_bias") or False, False),
        "text_config.rope_type": (rope.get("rope_type", rope.get("type", "default")), "default"),
        "vision_config.hidden_act": (vision.get("hidden_act", TANH_GELU), TANH_GELU),
        "vision_config.num_channels": (vision.get("num_channels", 3), 3),
    }
    for key, (found, wanted) in expected.items():
        if found != wanted:
            raise ModelInvalid(
                f"config.json has {key} = {found!r}; only {wanted!r} can be exported",
                "Load this checkpoint with `backend='torch'` instead.",
            )


def _check_options(precisions: Sequence[str], weights: str) -> tuple[str, ...]:
    unknown = [name for name in precisions if name not in PRECISIONS]
    if unknown or not precisions:
        raise BadOptions(
            f"cannot export precision {', '.join(map(repr, unknown)) or 'none'}",
            f"Use one or more of: {', '.join(PRECISIONS)}.",
        )
    if weights not in ("fp32", "fp16"):
        raise BadOptions(f"cannot store weights as {weights!r}", "Use fp32 or fp16.")
    return tuple(dict.fromkeys(precisions))


def fusable(config: ModelConfig) -> bool:
    """Whether `GroupQueryAttention` takes the decoder's heads: it requires multiples of 16."""
    return config.text.head_dim % 16 == 0


def _choose_form(config: ModelConfig, fused: bool | None) -> tuple[bool, tuple[str, ...]]:
    """Whether to write the fused form, and what to tell the user about it."""
    if fused is False or fusable(config):
        return fused is not False, ()
    reason = f"the fused operators take heads of 16, 32, … values, not {config.text.head_dim}"
    if fused:
        raise BadOptions(reason, "Leave `fused` out, or pass `fused=False` for the plain form.")
    return False, (f"{reason}: the plain form was written.",)


def _check_all_read(unread: set[str]) -> None:
    left = sorted(name for name in unread if not name.endswith("rotary_emb.inv_freq"))
    if left:
        raise ModelInvalid(
            f"the weights hold {len(left)} tensors that no SmolVLM layer uses, such as {left[0]}",
            "Load this checkpoint with `backend='torch'` instead.",
        )


def _list_files(folder: Path) -> tuple[ExportedFile, ...]:
    """Files below `folder`, those of subfolders first."""
    paths = sorted(
        (path for path in folder.rglob("*") if path.is_file()),
        key=lambda path: (path.parent == folder, path.name),
    )
    return tuple(ExportedFile(p.relative_to(folder).as_posix(), p.stat().st_size) for p in paths)


def say_nothing(line: str) -> None:
    """Discard a line of progress."""
