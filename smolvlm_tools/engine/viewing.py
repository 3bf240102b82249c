"""What a model sees of an image, as a picture; loads no weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..cache import CacheLimits
from ..checkpoint import open_checkpoint
from ..images import ImageSource, PolicyLike
from ..pages.video import Clip
from ..prompt.layout import RequestLayouter
from ..prompt.request import Request
from ..prompt.resolution import check_resolution
from ..prompt.tasks import parse_task, task_messages
from ..types import GenerationOptions, ImagePlan, Message, RequestPlan, Resolution, Task
from ..vision.sheet import draw_sheet
from ..vision.view import draw_view
from .planner import open_layouter

if TYPE_CHECKING:
    from PIL import Image


def view_image(
    image: ImageSource | Clip,
    model: str | Path = "256m",
    *,
    resolution: Resolution = "auto",
    task: Task = "describe",
    revision: str | None = None,
    local_files_only: bool = False,
    policy: PolicyLike | None = None,
) -> Image.Image:
    """Draw the tiles that a model would get of an image, at their full size, with their tokens.

    Of a video, its frames are drawn side by side, with their times.

    No weights are fetched or loaded.

    Args:
        image: whatever `SmolVLM.describe` takes; one page of a document.
        model: as of `SmolVLM.load`: its rules for cutting are followed.
        resolution: "auto", "native" or the number of tiles along the longest edge.
        task: "describe", "ask" or "transcribe": print gets more tiles under "auto".
        policy: which images are let in.

    Raises:
        InputError: see `load_image`; `PagesNeeded` for a document of several pages.
        BadOptions, ModelNotFound, ModelInvalid: see `SmolVLM.load`.
    """
    checkpoint = open_checkpoint(model, revision=revision, local_files_only=local_files_only)
    layouter = open_layouter(checkpoint, policy, CacheLimits())
    messages = task_messages(image, parse_task(task) or "describe", "?")
    return view_with(layouter, messages, resolution, task)[0]


def view_with(
    layouter: RequestLayouter,
    messages: tuple[Message, ...],
    resolution: Resolution,
    task: Task | None,
) -> tuple[Image.Image, RequestPlan]:
    """The picture, and the plan that it shows: of an image, or of the frames of a video."""
    config = layouter.checkpoint.config.image
    chosen = check_resolution(resolution, config)
    layout = layouter.lay_out(Request(messages, GenerationOptions(), chosen, task))
    plan = layouter.describe(layout)
    if layout.images[0].is_frame:
        return draw_sheet(layout.images, _title_of_video(plan)), plan
    (loaded,), (grid,) = layout.images, layout.grids
    return draw_view(loaded.pixels, grid, config, _title(plan.images[0], plan)), plan


def _title_of_video(plan: RequestPlan) -> str:
    frames = "1 frame" if len(plan.images) == 1 else f"{len(plan.images)} frames"
    return f"{frames}, {plan.image_tokens} image tokens of {plan.prompt_tokens} in the prompt"


def _title(image: ImagePlan, plan: RequestPlan) -> str:
    cut = f"{image.rows} x {image.cols} tiles and the whole image" if image.rows else "one tile"
    return (
        f"{image.width} x {image.height} pixels, resized to {image.resized_width} x "
        f"{image.resized_height}: {cut}, {image.image_tokens} image tokens of {plan.prompt_tokens} "
        "in the prompt"
    )
