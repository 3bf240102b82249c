"""`smolvlm plan`: tiles, tokens and bytes before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..cache import CacheLimits
from ..checkpoint import open_checkpoint
from ..checkpoint.config import ImageConfig
from ..engine.planner import LoadOptions, Planner, open_layouter
from ..errors import BadPrompt, ModelNotFound, OutOfMemoryBudget, SmolVLMError
from ..images import EncodedImage
from ..prompt.layout import RequestLayouter
from ..prompt.messages import Chosen
from ..prompt.request import Request, parse_options
from ..prompt.resolution import check_resolution
from ..prompt.tasks import parse_task, task_messages
from ..types import Resolution
from .console import note, reserve_stdout
from .entries import Entries, Form
from .images import Place, each_page
from .options import ModelChoice, parse_resolution
from .page_options import PageOptions
from .plan_tables import basis_of, print_tables
from .wording import in_flags


@dataclass(frozen=True, slots=True)
class Wish:
    """What would be asked of each image."""

    resolution: str
    task: str
    max_new_tokens: int | None
    batch: int


def print_plans(
    images: list[str], pages: PageOptions, choice: ModelChoice, wish: Wish, form: Form
) -> None:
    """Plan each image or page and print a table row or a JSON object for it."""
    choice.check()
    task = parse_task(wish.task) or "describe"
    limits = {} if wish.max_new_tokens is None else {"max_new_tokens": wish.max_new_tokens}
    options = parse_options(limits)
    with reserve_stdout() as answers:
        resolution = parse_resolution(wish.resolution)
        found = each_page(images, pages)
        layouter, planner = _open(choice, resolution)
        chosen = check_resolution(resolution, layouter.checkpoint.config.image)

        config = layouter.checkpoint.config.image

        shown = Chosen(**pages.of_video)

        def at(source: EncodedImage, resolution: Resolution) -> dict[str, Any]:
            request = Request(
                shown.applied_to(task_messages(source, task, "?")), options, resolution, task
            )
            if planner is None:
                return layouter.describe(layouter.lay_out(request)).model_dump(mode="json")
            found, memory = planner.plan(request, wish.batch)
            return found.model_dump(mode="json") | {"memory": memory.model_dump(mode="json")}

        def plan(source: EncodedImage) -> dict[str, Any]:
            found = at(source, chosen)
            device = planner.load_plan.device if planner else "cpu"
            found["seconds_basis"] = basis_of(found["seconds"], choice.model, device)
            each = {str(one): partial(at, source, one) for one in _resolutions(config)}
            return found | {"resolutions": [_brief(name, get) for name, get in each.items()]}

        entries = Entries(answers, form)
        named: list[tuple[Place, dict[str, Any]]] = []
        with entries.kept():
            for place, source in found:
                if isinstance(source, SmolVLMError):
                    entries.fail(place, source)
                elif planned := entries.take(place, partial(plan, source)):
                    named.append((place, planned))
        if named and form == "text":
            print_tables(answers, named)
        entries.finish()


def _open(choice: ModelChoice, resolution: Resolution) -> tuple[RequestLayouter, Planner | None]:
    """What plans requests. Without a planner, and a note why, where nothing can run the model.

    Raises:
        ModelNotFound: there is no such model, or what was chosen cannot run it.
    """
    options: LoadOptions = {**choice.keywords, "resolution": resolution}
    try:
        planner = Planner.open(choice.model, **options)
    except ModelNotFound as error:
        pinned = {choice.backend, choice.precision, choice.device} != {"auto"}
        if choice.memory_budget or choice.adapter or pinned:
            raise
        checkpoint = open_checkpoint(
            choice.model, revision=choice.revision, local_files_only=choice.offline
        )
        note(f"memory is not predicted: {in_flags(error)}")
        return open_layouter(checkpoint, None, CacheLimits()), None
    return planner.layouter, planner


def _resolutions(config: ImageConfig) -> Iterator[Resolution]:
    """What --resolution may be: the names, and as many tiles as a full-size image has."""
    yield from ("auto", "native")
    yield from range(1, config.longest_edge // config.tile_size + 1)


def _brief(resolution: str, plan: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What an image would take at a resolution, or the `error` why it cannot be seen so."""
    try:
        found = plan()
    except (BadPrompt, OutOfMemoryBudget) as error:
        return {"resolution": resolution, "error": in_flags(error).reason}
    image = {key: found["images"][0][key] for key in ("resized_width", "resized_height")}
    names = ("tiles", "image_tokens", "prompt_tokens", "predicted_bytes", "seconds")
    return {"resolution": resolution, **image, **{name: found[name] for name in names}}
