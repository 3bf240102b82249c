"""What a run resumes from: weights that learn, the optimizer and the step, in one folder.

There is no pickle: numbers are in a safetensors file, the rest is JSON. Random numbers need no
place in it, as those of a step depend on the seed and the step alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ..errors import BadOptions, ModelInvalid
from .folders import written_whole

VERSION = 1
_TENSORS, _PROGRESS = "state.safetensors", "state.json"
_STEP, _BEST = "step-{:08d}", "best"


@dataclass(slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: optimizer steps taken.
        losses: of every step.
        held_out: steps and held-out losses.
        best_step: the step with the lowest of them; 0 before any step.
        waited: measurements since then.
        stopped: whether the run has ended early.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list[float])
    held_out: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    best_step: int = 0
    waited: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class States:
    """The states of one run.

    Attributes:
        folder: of all of them.
        identity: what must be the same for a run to go on, by the words of its user.
    """

    folder: Path
    identity: Mapping[str, Any]

    def save(self, progress: Progress, tensors: Mapping[str, torch.Tensor]) -> None:
        """Save a state; those before it are removed once it is whole."""
        target = self.folder / _STEP.format(progress.step)
        content = {"version": VERSION, "run": self.identity, "progress": asdict(progress)}
        with written_whole(target) as part:
            _write(part / _TENSORS, tensors)
            (part / _PROGRESS).write_text(json.dumps(content), encoding="utf-8")
        for other in self._saved():
            if other != target:
                shutil.rmtree(other, ignore_errors=True)

    def save_best(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Save the weights of the lowest held-out loss."""
        with written_whole(self.folder / _BEST) as part:
            _write(part / _TENSORS, weights)

    def load(self) -> tuple[Progress, dict[str, torch.Tensor]] | None:
        """The latest state; None if there is none.

        Raises:
            BadOptions: it is that of another run.
            ModelInvalid: it is damaged.
        """
        saved = self._saved()
        if not saved:
            return None
        try:
            content = json.loads((saved[-1] / _PROGRESS).read_text(encoding="utf-8"))
            self._check_same(content["version"], content["run"])
            found = content["progress"]
            found["held_out"] = [tuple(pair) for pair in found["held_out"]]
            return Progress(**found), _read(saved[-1] / _TENSORS)
        except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
            raise ModelInvalid(
                f"the state in {saved[-1]} is damaged ({error})",
                "Remove it to start anew.",
            ) from error

    def load_best(self) -> dict[str, torch.Tensor]:
        """The weights of the lowest held-out loss."""
        return _read(self.folder / _BEST / _TENSORS)

    def clear(self) -> None:
        """Remove all states."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _saved(self) -> list[Path]:
        return sorted(self.folder.glob(_STEP.replace("{:08d}", "*")))

    def _check_same(self, version: int, run: Mapping[str, Any]) -> None:
        mine = json.loads(json.dumps(self.identity))
        for name in sorted({*mine, *run}):
            if mine.get(name) != run.get(name) or version != VERSION:
                raise BadOptions(
                    f"the run in {self.folder.parent} was begun with {name} = "
                    f"{run.get(name)!r:.60}, not {mine.get(name)!r:.60}",
                    f"Take it up as it was begun, choose another folder, or remove {self.folder}.",
                )


def _write(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    from safetensors.torch import save_file

    # A tensor may be part of a larger one; the file has no such thing.
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(own, path)


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)
