"""`SmolVLM`: the package's front door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..backends.base import AnyBackend
from ..cache import CacheLimits, Look, parse_cache
from ..checkpoint import Checkpoint
from ..constraints.answers import parse_answer
from ..constraints.compiler import Compiled
from ..decoding.calibration import Calibration
from ..images import ImagePolicy, PolicyLike
from ..machine.closing import Closing
from ..memory.plan import LoadPlan
from ..prompt.request import Request, RequestOptions, make_request
from ..prompt.resolution import check_resolution
from ..prompt.tasks import Images, task_messages
from ..types import MessageLike, RequestPlan, Resolution, Task
from .counting import Counting
from .identity import EngineIdentity, identity_of
from .loading import (
    engine_of,
    guard_for,
    load_weights,
    read_calibration,
    tune_unless_known,
)
from .pipeline import Pipeline
from .planner import LoadOptions, Planner, open_layouter
from .remote.engine import RemoteEngine, RemoteOptions
from .remote.settings import BACKEND, refuse_local_options, refuse_remote_options
from .reply import Channel
from .worker import Worker, check_sizes

if TYPE_CHECKING:
    from pydantic import SecretStr


class SmolVLM(Counting, Closing):
    """A loaded SmolVLM: images and text in, text out.

    Safe to call from many threads: one worker prepares the requests in their order and decodes
    up to `batch_size` of them together. A context manager that closes itself.

        >>> from smolvlm_tools import SmolVLM
        >>> with SmolVLM.load("embedded") as vlm:
        ...     print(vlm.ask("examples/images/shapes.png", "What color is the circle?").text)
        red

    Every asking method takes the keywords of `RequestOptions`: the fields of `GenerationOptions`
    (`max_new_tokens`, `temperature`, …), `resolution`, `task`, `cancel`, `on_progress`, and for
    typed values `answer`, `on_incomplete`, `min_confidence` and `min_field_confidence`. All of them
    raise `InputError`s for what they were given, `IncompleteAnswer` if asked to, `Busy` when the
    queue is full, `Cancelled`, and `Closed` after `close`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: AnyBackend,
        *,
        resolution: Resolution = "auto",
        policy: PolicyLike | None = None,
        max_queue: int = 32,
        batch_size: int = 8,
        cache: bool | CacheLimits = True,
        planner: Planner | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Join an opened checkpoint and a loaded backend; `load` does both, by a plan.

        `planner` is the one that the backend was loaded by; its policy and caches hold then.
        """
        if calibration:
            calibration.check_engine(engine_of(checkpoint, backend.name, backend.precision))
        self._resolution: Resolution = check_resolution(resolution, checkpoint.config.image)
        self._planner = planner
        self.calibration = calibration
        self.load_plan: LoadPlan | None = planner.load_plan if planner else None
        limits = self.load_plan.cache if self.load_plan else parse_cache(cache)
        layouter = planner.layouter if planner else open_layouter(checkpoint, policy, limits)
        guard = guard_for(checkpoint, backend, limits, self.load_plan)
        self.check_memory = guard.check_beside
        self._pipeline = Pipeline(layouter, backend, guard, calibration)
        self._at_once = max_queue
        self._worker = Worker(self._pipeline.step, batch_size, max_queue)

    @classmethod
    def load(
        cls,
        name: str | Path = "256m",
        *,
        backend: str = "auto",
        precision: str | Mapping[str, str] = "auto",
        resolution: Resolution = "auto",
        device: str = "auto",
        memory_budget: int | str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        policy: PolicyLike | None = None,
        max_queue: int = 32,
        batch_size: int = 8,
        cache: bool | CacheLimits = True,
        threads: int | None = None,
        adapter: str | Path | None = None,
        calibration: str | Path | Calibration | None = None,
        tune: bool = False,
        base_url: str | None = None,
        api_key: SecretStr | None = None,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> SmolVLM:
        """Load a checkpoint, or connect to a server that has loaded one.

        Args:
            name: an alias ("256m", "500m", "2.2b", "256m-video", "500m-video", "2.2b-video",
                "embedded"), a hub id, or a folder in the hub's layout; with backend "remote" what
                the server calls the model.
            backend: "onnx", "openvino", "torch", or "auto": torch on a GPU, else what `tune_model`
                found to be quickest here, else onnx, else torch, as what is installed and the
                files allow. "remote": a server with an
                OpenAI-compatible API; see docs/remote.md.
            precision: "fp32", "bf16", "fp16", "int8", "q4", "bnb-nf4", …, or "auto"; also one for
                each component: {"vision": "int8", "embed": "int8", "decoder": "q4"} of ONNX
                files, {"vision": "bf16", "decoder": "bnb-nf4"} of torch (vision, connector,
                decoder, lm_head). See the guide for all names.
            resolution: how images are cut: "auto", "native" or N tiles along the longest edge.
            device: "cpu", "cuda", "mps", or "auto".
            memory_budget: most bytes to use, as a number or as "900MB" (decimal) or "1GiB": on a
                CPU resident memory of this whole process, on a GPU its allocator's. What is "auto"
                is chosen so that the largest image fits; see `load_plan` and docs/memory.md.
            revision: branch, tag or commit on the hub.
            local_files_only: never touch the network.
            policy: which images are let in, or its name; see `ImagePolicy`. "trusted" if None.
            max_queue: most requests that may wait before `Busy` is raised.
            batch_size: most requests that decode together, each with keys and values of its own
                in memory; with backend "remote" most calls at a time.
            cache: whether image features and the keys and values of prompt beginnings are kept
                for later requests, or how many bytes of them.
            threads: CPU threads to compute with; None leaves it to the runtime.
            adapter: a LoRA adapter as PEFT saves it, merged into the weights before they are cast
                or quantized: a folder, or a hub id with "@REVISION" or without. The torch backend
                merges it; `model` of every result names it after a "+".
            calibration: a file of `smolvlm calibrate`, or what `Calibration.read` makes of one,
                made with this model, revision, backend and precision. Every confidence of an
                answer goes through it first; `calibrated` of a result says whether it did.
            tune: measure first which backend is quickest on this machine, unless that is known; see
                `tune_model`, which takes seconds for each. Backend "auto" goes by it.
            base_url: of the server, such as "http://127.0.0.1:8080/v1"; SMOLVLM_BASE_URL if None.
            api_key: for the server; SMOLVLM_API_KEY if None.
            timeout: most seconds in which nothing comes from the server; 120 if None.
            retries: how often a call is tried again where the server is busy or cannot be reached;
                3 if None.

        Raises:
            ModelNotFound, ModelInvalid, BackendUnavailable: see `errors`.
            OutOfMemoryBudget: nothing that was allowed fits the budget; raised before weights are
                loaded, with the smallest budget that would do.
            BadOptions: an unknown backend, precision, device, resolution or amount of memory, or a
                calibration of something else, or an option that the backend has no use for.
        """
        server: RemoteOptions = {
            "base_url": base_url,
            "api_key": api_key,
            "timeout": timeout,
            "retries": retries,
        }
        options: LoadOptions = {
            "backend": backend,
            "precision": precision,
            "resolution": resolution,
            "device": device,
            "memory_budget": memory_budget,
            "revision": revision,
            "local_files_only": local_files_only,
            "policy": policy,
            "cache": cache,
            "adapter": adapter,
            "threads": threads,
        }
        if backend == BACKEND:
            refuse_local_options({**options, "calibration": calibration, "tune": tune})
            return RemoteSmolVLM(
                name, server, policy=policy, max_queue=max_queue, batch_size=batch_size
            )
        refuse_remote_options(server)
        check_sizes(batch_size, max_queue)
        calibration = read_calibration(calibration)
        if tune:
            tune_unless_known(name, options)
        planner = Planner.open(name, **options)
        return cls.load_planned(
            planner,
            max_queue=max_queue,
            batch_size=batch_size,
            calibration=calibration,
        )

    @classmethod
    def load_planned(
        cls,
        planner: Planner,
        *,
        max_queue: int = 32,
        batch_size: int = 8,
        calibration: str | Path | Calibration | None = None,
    ) -> SmolVLM:
        """Load the checkpoint that a planner has opened, as it has planned; see `load`."""
        check_sizes(batch_size, max_queue)
        calibration, planner = read_calibration(calibration), planner.up_to_date()
        checkpoint, plan = planner.layouter.checkpoint, planner.load_plan
        if calibration:  # before the weights are loaded
            calibration.check_engine(engine_of(checkpoint, plan.backend, plan.precision_name))
        return cls(
            checkpoint,
            load_weights(planner),
            resolution=planner.resolution,
            max_queue=max_queue,
            batch_size=batch_size,
            planner=planner,
            calibration=calibration,
        )

    @property
    def _policy(self) -> ImagePolicy:
        return self._pipeline.layouter.policy

    @property
    def identity(self) -> EngineIdentity:
        """What its replies depend on besides the request."""
        backend, layouter = self._pipeline.backend, self._pipeline.layouter
        return identity_of(
            layouter.checkpoint,
            backend.name,
            backend.precision,
            resolution=self._resolution,
            max_side=layouter.max_side,
            calibration=self.calibration,
        )

    def plan(
        self,
        image: Images,
        *,
        task: Task = "describe",
        question: str = "",
        resolution: Resolution | None = None,
    ) -> RequestPlan:
        """Tiles, tokens and memory a request about images would take; the model does not run."""
        messages = task_messages(image, task, question or "?")
        options: RequestOptions = {"resolution": resolution, "task": task}
        request = self._request(messages, options, task)
        if self._planner:
            return self._planner.plan(request)[0]
        layout, grown = self._pipeline.admission.lay_out(request)
        predicted = self._pipeline.admission.forecast(request, layout, grown).predicted
        return self._pipeline.layouter.describe(layout, predicted)

    def check_room(self) -> None:
        """See whether a request would be taken now, before work is put into its images.

        Raises:
            Busy: the queue is full.
            Closed: the engine was closed.
        """
        self._worker.check_room()

    def close(self) -> None:
        """Stop the running requests, refuse the waiting ones and free the weights."""
        self._worker.close()
        self._pipeline.close()

    def __repr__(self) -> str:
        backend = self._pipeline.backend
        return (
            f"SmolVLM({self._pipeline.layouter.checkpoint.id!r}, backend={backend.name!r}, "
            f"precision={backend.precision!r}, device={backend.device!r})"
        )

    def _submit(self, request: Request, channel: Channel, look: Look | None = None) -> None:
        self._worker.submit(partial(self._pipeline.run, request, look=look), channel)

    def _request(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None
    ) -> Request:
        image = self._pipeline.layouter.checkpoint.config.image
        return make_request(messages, options, task, self._resolution, image, self._compile)

    def _compile(self, answer: object) -> Compiled | None:
        constraint = parse_answer(answer)
        return None if constraint is None else self._pipeline.constraints.compile(constraint)


class RemoteSmolVLM(RemoteEngine, SmolVLM):
    """A `SmolVLM` whose model runs on a server; `SmolVLM.load(backend="remote")` makes it."""
