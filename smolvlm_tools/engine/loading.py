"""From a plan to loaded weights, and to the guard that keeps requests to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from ..backends.base import AnyBackend
from ..backends.choose import load_backend
from ..backends.footprint import Setup
from ..backends.registry import SPECS, footprint_of, spec_of
from ..backends.tuning.kept import find as find_tuning
from ..backends.tuning.kept import find_speed
from ..backends.tuning.speeds import Place
from ..backends.tuning.tune import tune_model
from ..cache import CacheLimits
from ..checkpoint import Checkpoint, open_checkpoint
from ..decoding.calibration import Calibration, Engine
from ..errors import OutOfMemoryBudget, SmolVLMError
from ..machine.amounts import format_bytes
from ..machine.exhaustion import out_of_memory, ran_out
from ..machine.heap import trim_heap
from ..machine.meter import Meter, resident
from ..memory.guard import MemoryGuard
from ..memory.plan import LoadPlan
from .identity import EngineIdentity, identity_of, remote_identity
from .planner import LoadOptions, LoadWish, Planner
from .remote.settings import (
    BACKEND,
    OF_SERVERS,
    RemoteSettings,
    refuse_local_options,
    refuse_remote_options,
)

logger = logging.getLogger(__name__)


def plan_model(name: str | Path = "256m", **options: Unpack[LoadOptions]) -> LoadPlan:
    """How `SmolVLM.load` would load a checkpoint into this process, and what it would take.

    The workload is a description of the largest image that the checkpoint looks at. No weights are
    fetched or loaded, and the device need not be there. Arguments as of `SmolVLM.load`.

    Raises:
        OutOfMemoryBudget: nothing that was allowed fits; `needed_bytes` would.
        ModelNotFound, ModelInvalid, BadOptions: see `SmolVLM.load`.
    """
    return Planner.open(name, **options).load_plan


OF_THE_ENGINE = ("max_queue", "batch_size", "calibration")
"""Keywords of `SmolVLM.load` that no plan depends on."""


def plan_identity(name: str | Path, options: Mapping[str, Any]) -> EngineIdentity:
    """The identity that `SmolVLM.load` with these options would have; loads no weights."""
    server = {key: options[key] for key in OF_SERVERS if key in options}
    if options.get("backend") == BACKEND:
        refuse_local_options(options)
        return remote_identity(RemoteSettings.of(name, **server))
    refuse_remote_options(server)
    others = {*OF_THE_ENGINE, *OF_SERVERS}
    planned = {key: value for key, value in options.items() if key not in others}
    planner = Planner.open(name, **planned)
    plan = planner.load_plan
    return identity_of(
        planner.layouter.checkpoint,
        plan.backend,
        plan.precision_name,
        resolution=planner.resolution,
        max_side=plan.max_side,
        calibration=read_calibration(options.get("calibration")),
    )


def load_weights(planner: Planner) -> AnyBackend:
    """Load the weights as planned; raises what `load_backend` does, and `OutOfMemoryBudget`."""
    plan, checkpoint = planner.load_plan, planner.layouter.checkpoint
    _log_plan(planner)
    start = time.perf_counter()
    try:
        if plan.budget_bytes:
            spec_of(plan.backend).limit_memory(plan.device, plan.budget_bytes)
        backend = load_backend(
            checkpoint,
            plan.backend,
            plan.precision_name,
            plan.device,
            planner.wish.threads,
            planner.adapter,
        )
        logger.info("the weights were loaded in %.2f s", time.perf_counter() - start)
        return backend
    except (MemoryError, SmolVLMError) as error:
        if isinstance(error, OutOfMemoryBudget) or not ran_out(error):
            raise
        trim_heap()
        raise out_of_memory(f"loading {checkpoint.id}", error) from error


def _log_plan(planner: Planner) -> None:
    """Say what was chosen, and why."""
    plan, wish = planner.load_plan, planner.wish
    why = "as asked"
    if wish.backend == "auto":
        place = (planner.layouter.checkpoint, plan.backend, plan.precision_name, plan.device)
        measured = find_speed(*place, wish.threads)
        why = "measured to be the quickest here" if measured else f"the default on {plan.device}"
    logger.info("backend %s on %s: %s", plan.backend, plan.device, why)
    asked = "the default" if wish.precision == "auto" else f"asked for {wish.precision}"
    logger.info("precision %s: %s", plan.precision_name, asked)
    budget = "without a budget" if wish.budget is None else f"budget {format_bytes(wish.budget)}"
    logger.info("at most %s of memory expected, %s", format_bytes(plan.predicted_bytes), budget)
    for loss in plan.given_up:
        logger.info("given up for the budget: %s", loss)


def tune_unless_known(name: str | Path, options: LoadOptions) -> None:
    """Measure a checkpoint's backends on this machine, if nobody has; see `tune_model`."""
    LoadWish.of(options)  # first: a typo must not cost the time
    revision, threads = options.get("revision"), options.get("threads")
    offline = options.get("local_files_only", False)
    checkpoint = open_checkpoint(name, revision=revision, local_files_only=offline)
    if find_tuning(Place.here(checkpoint, threads)) is None:
        tune_model(name, threads=threads, revision=revision, local_files_only=offline)


def read_calibration(given: str | Path | Calibration | None) -> Calibration | None:
    """The calibration that `SmolVLM.load` was given, read if it is a file."""
    return Calibration.read(given) if isinstance(given, (str, Path)) else given


def engine_of(checkpoint: Checkpoint, backend: str, precision: str) -> Engine:
    """What a calibration of this engine is bound to."""
    return Engine(
        model=checkpoint.id, revision=checkpoint.revision, backend=backend, precision=precision
    )


def guard_for(
    checkpoint: Checkpoint, backend: AnyBackend, limits: CacheLimits, plan: LoadPlan | None
) -> MemoryGuard:
    """What watches over a loaded backend's requests; without a plan there is no budget."""
    setup = _setup_of(checkpoint, backend)
    meter = meter_of(backend)
    return MemoryGuard(
        footprint=footprint_of(setup),
        meter=meter,
        loaded=plan.loaded_bytes if plan else meter.now(),
        limits=limits,
        tiles_per_batch=plan.tiles_per_batch if plan else backend.tiles_per_batch,
        budget=plan.budget_bytes if plan else None,
        host=setup.on_host,
    )


def meter_of(backend: AnyBackend) -> Meter:
    """Of the memory that a backend's budget is about."""
    spec = SPECS.get(backend.name)
    return spec.meter(backend.device) if spec else resident()


def _setup_of(checkpoint: Checkpoint, backend: AnyBackend) -> Setup:
    spec = SPECS.get(backend.name)
    if spec is None:
        return Setup(checkpoint.config, backend.name, backend.device, {})
    return next(iter(spec.setups(checkpoint, backend.precision, backend.device)))
