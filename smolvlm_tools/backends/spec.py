"""What is known of a backend while none of its libraries is imported.

A new backend is a folder with a `BackendSpec` and a `base.Backend`, and a line in `registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

from ..checkpoint import Checkpoint
from ..machine import packages
from ..machine.meter import Meter, resident
from .base import AnyBackend
from .footprint import Footprint, Setup
from .precision import Precision


class BackendSpec(ABC):
    """One backend. The defaults are those of one that computes on the CPU.

    Attributes:
        name: as `SmolVLM.load` takes it.
        packages: modules that it imports.
        install: what `pip install` gets to have them.
        precisions: its names for all components together, the most exact first.
        merges_adapters: whether it can merge a LoRA adapter into the weights.
    """

    name: str
    packages: tuple[str, ...]
    install: str
    precisions: tuple[str, ...]
    merges_adapters: bool = False

    @property
    def missing(self) -> list[str]:
        """Modules that it needs and that are not installed."""
        return [module for module in self.packages if not packages.installed(module)]

    def auto_rank(self, device: str) -> int | None:
        """Where it stands under backend "auto" on a device (or "auto"): 0 first, None never."""
        return None

    def forms(self, checkpoint: Checkpoint) -> Iterable[Precision]:
        """Precisions that are worth measuring on a CPU, "auto" first."""
        return ("auto",)

    def default_device(self) -> str:
        """What device "auto" is for it."""
        return "cpu"

    def tiles_per_batch(self, device: str) -> int:
        """Tiles of a micro-batch on a device."""
        return 1

    def meter(self, device: str) -> Meter:
        """Measures the memory that a budget is about: this process's, or a GPU's allocator."""
        return resident()

    def limit_memory(self, device: str, budget: int) -> None:
        """Have the device refuse what goes over the budget, where it can.

        Raises:
            OutOfMemoryBudget: the device has less.
        """
        return

    @abstractmethod
    def check_precision(self, precision: Precision) -> None:
        """Check a precision of single components.

        Raises:
            BadOptions: there is no such component, or it has no such precision.
        """

    @abstractmethod
    def can_run(self, checkpoint: Checkpoint, precision: Precision, device: str) -> bool:
        """Whether the checkpoint has the files for a precision that is possible on the device."""

    @abstractmethod
    def setups(self, checkpoint: Checkpoint, precision: Precision, device: str) -> Iterable[Setup]:
        """The setup that is asked for; where "auto" is, smaller ones after it.

        Args:
            checkpoint: an opened one.
            precision: see `precision`.
            device: no longer "auto".

        Raises:
            BadOptions: no such precision or component.
            ModelNotFound: the checkpoint does not have it.
        """

    def fetch(self, checkpoint: Checkpoint, precision: Mapping[str, str]) -> None:
        """Download and check the weights of a setup's precision that are not here yet.

        Raises:
            ModelNotFound, ModelInvalid, ModelError: see `Checkpoint.fetch`.
        """
        return

    @abstractmethod
    def describe(self, precision: Mapping[str, str]) -> str:
        """The precision of every component as `SmolVLM.load` takes it and results state it."""

    @abstractmethod
    def footprint(self, setup: Setup) -> Footprint:
        """What a setup takes."""

    @abstractmethod
    def loader(self) -> Callable[..., AnyBackend]:
        """Import the backend; the function to load it with.

        It takes a checkpoint, precision, device and threads as `choose.load_backend` does, and
        `adapter` if it merges adapters.
        """
