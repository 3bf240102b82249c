"""`SmolVLM`: the package's front door; knows requests and results, not how they are computed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from typing_extensions import Unpack

from ..backends.base import AnyBackend
from ..backends.choose import check_names
from ..cache import CacheLimits, parse_cache
from ..checkpoint import Checkpoint
from ..constraints.answers import parse_answer
from ..constraints.compiler import Compiled
from ..images import ImagePolicy
from ..memory.plan import LoadPlan
from ..prompt.request import Request, RequestOptions, each_options, make_request
from ..prompt.resolution import check_resolution
from ..prompt.tasks import Images, task_messages
from ..types import MessageLike, RequestPlan, Resolution, Task, VisionResult
from .batching import Outcomes, answer_all, answer_all_async
from .loading import guard_for, load_weights
from .pipeline import Pipeline
from .planner import LoadOptions, Planner, open_layouter
from .reply import AsyncReplyStream, ReplyStream
from .task_methods import TaskMethods
from .worker import Worker


class SmolVLM(TaskMethods):
    """A loaded SmolVLM: images and text in, text out.

    Safe to call from many threads: one worker prepares the requests in their order and decodes
    up to `batch_size` of them together. A context manager that closes itself.

        >>> from smolvlm_tools import SmolVLM
        >>> with SmolVLM.load("embedded") as vlm:
        ...     print(vlm.ask("examples/images/shapes.png", "What color is the circle?").text)
        red

    Every asking method takes the keywords of `RequestOptions`: the fields of `GenerationOptions`
    (`max_new_tokens`, `temperature`, …), `resolution`, `task`, `cancel`, `on_progress`, and for
    typed values `answer` and `min_confidence`. All of them raise `InputError`s for what they were
    given, `Busy` when the queue is full, `Cancelled`, and `Closed` after `close`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: AnyBackend,
        *,
        resolution: Resolution = "auto",
        policy: ImagePolicy | None = None,
        max_queue: int = 32,
        batch_size: int = 8,
        cache: bool | CacheLimits = True,
        planner: Planner | None = None,
    ) -> None:
        """Join an opened checkpoint and a loaded backend; `load` does both, by a plan.

        `planner` is the one that the backend was loaded by; its policy and caches hold then.
        """
        self._resolution: Resolution = check_resolution(resolution, checkpoint.config.image)
        self._planner = planner
        self.load_plan: LoadPlan | None = planner.load_plan if planner else None
        limits = self.load_plan.cache if self.load_plan else parse_cache(cache)
        layouter = planner.layouter if planner else open_layouter(checkpoint, policy, limits)
        guard = guard_for(checkpoint, backend, limits, self.load_plan)
        self._pipeline = Pipeline(layouter, backend, guard)
        self._max_queue = max_queue
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
        policy: ImagePolicy | None = None,
        max_queue: int = 32,
        batch_size: int = 8,
        cache: bool | CacheLimits = True,
        threads: int | None = None,
        adapter: str | Path | None = None,
    ) -> SmolVLM:
        """Load a checkpoint.

        Args:
            name: an alias ("256m", "500m", "2.2b", "256m-video", "500m-video", "2.2b-video",
                "embedded"), a hub id, or a folder in the hub's layout.
            backend: "onnx", "openvino", "torch", or "auto": torch on a GPU, else onnx, else torch,
                as what is installed and the files allow.
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
            policy: which images are let in; see `ImagePolicy`.
            max_queue: most requests that may wait before `Busy` is raised.
            batch_size: most requests that decode together, each with keys and values of its own
                in memory.
            cache: whether image features and the keys and values of prompt beginnings are kept
                for later requests, or how many bytes of them.
            threads: CPU threads to compute with; None leaves it to the runtime.
            adapter: a LoRA adapter as PEFT saves it, merged into the weights before they are cast
                or quantized: a folder, or a hub id with "@REVISION" or without. The torch backend
                merges it; `model` of every result names it after a "+".

        Raises:
            ModelNotFound, ModelInvalid, BackendUnavailable: see `errors`.
            OutOfMemoryBudget: nothing that was allowed fits the budget; raised before weights are
                loaded, with the smallest budget that would do.
            BadOptions: an unknown backend, precision, device, resolution or amount of memory.
        """
        check_names(threads=threads)
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
        }
        planner = Planner.open(name, **options)
        return cls.load_planned(
            planner, max_queue=max_queue, batch_size=batch_size, threads=threads
        )

    @classmethod
    def load_planned(
        cls,
        planner: Planner,
        *,
        max_queue: int = 32,
        batch_size: int = 8,
        threads: int | None = None,
    ) -> SmolVLM:
        """Load the checkpoint that a planner has opened, as it has planned; see `load`."""
        planner = planner.up_to_date()
        return cls(
            planner.layouter.checkpoint,
            load_weights(planner, threads),
            resolution=planner.resolution,
            max_queue=max_queue,
            batch_size=batch_size,
            planner=planner,
        )

    def generate(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> VisionResult:
        """Answer a conversation.

        Args:
            messages: `Message` objects, or transformers' dict form:
                `{"role": "user", "content": [{"type": "image", "image": SOURCE},
                {"type": "text", "text": "…"}]}`.
            options: see the class.
        """
        return self._start(messages, options).result()

    def stream(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> ReplyStream:
        """Answer a conversation chunk by chunk: one `StreamChunk` per generated token."""
        return self._start(messages, options)

    def batch(
        self,
        conversations: Sequence[Sequence[MessageLike]],
        *,
        each: Sequence[RequestOptions] | None = None,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Outcomes:
        """Answer many conversations, decoding up to `batch_size` of them together.

        A reply is the same as alone. However many there are, no more than the queue holds wait in
        the engine.

        Args:
            conversations: one list of messages for each reply; see `generate`.
            each: options of the single conversations, which win over the common ones.
            return_exceptions: put a failed conversation's error in its place instead of raising
                the first one.
            options: common to all; see the class.

        Returns:
            One result for each conversation, in their order.
        """
        requests = self._requests(conversations, each, options)
        return answer_all(
            [partial(self._start_request, request) for request in requests],
            return_exceptions=return_exceptions,
        )

    async def abatch(
        self,
        conversations: Sequence[Sequence[MessageLike]],
        *,
        each: Sequence[RequestOptions] | None = None,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Outcomes:
        """`batch` for an event loop."""
        return await answer_all_async(
            [
                partial(self._answer_request, request)
                for request in self._requests(conversations, each, options)
            ],
            at_once=self._max_queue,
            return_exceptions=return_exceptions,
        )

    async def agenerate(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> VisionResult:
        """`generate` for an event loop; cancelling the task stops the engine."""
        return await self._aanswer(messages, options)

    def astream(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> AsyncReplyStream:
        """`stream` for an event loop: `async for chunk in vlm.astream(messages)`."""
        return self._astart_request(self._request(messages, options, None))

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

    def close(self) -> None:
        """Stop the running requests, refuse the waiting ones and free the weights."""
        self._worker.close()
        self._pipeline.close()

    def __enter__(self) -> SmolVLM:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        backend = self._pipeline.backend
        return (
            f"SmolVLM({self._pipeline.layouter.checkpoint.id!r}, backend={backend.name!r}, "
            f"precision={backend.precision!r}, device={backend.device!r})"
        )

    def _start(
        self,
        messages: Sequence[MessageLike],
        options: RequestOptions,
        task: Task | None = None,
    ) -> ReplyStream:
        return self._start_request(self._request(messages, options, task))

    async def _aanswer(
        self,
        messages: Sequence[MessageLike],
        options: RequestOptions,
        task: Task | None = None,
    ) -> VisionResult:
        if options.get("answer") is None:
            request = self._request(messages, options, task)
        else:  # a grammar can take a second to compile
            request = await asyncio.to_thread(self._request, messages, options, task)
        return await self._answer_request(request)

    def _start_request(self, request: Request) -> ReplyStream:
        reply = ReplyStream(request.cancel)
        self._worker.submit(partial(self._pipeline.run, request), reply.channel)
        return reply

    def _astart_request(self, request: Request) -> AsyncReplyStream:
        reply = AsyncReplyStream(request.cancel)
        self._worker.submit(partial(self._pipeline.run, request), reply.channel)
        return reply

    async def _answer_request(self, request: Request) -> VisionResult:
        return await self._astart_request(request).result()

    def _requests(
        self,
        conversations: Sequence[Sequence[MessageLike]],
        each: Sequence[RequestOptions] | None,
        options: RequestOptions,
    ) -> list[Request]:
        return [
            self._request(messages, own, None)
            for messages, own in zip(
                conversations, each_options(len(conversations), each, options), strict=True
            )
        ]

    def _request(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None
    ) -> Request:
        image = self._pipeline.layouter.checkpoint.config.image
        return make_request(messages, options, task, self._resolution, image, self._compile)

    def _compile(self, answer: object) -> Compiled | None:
        constraint = parse_answer(answer)
        return None if constraint is None else self._pipeline.constraints.compile(constraint)
