"""`smolvlm view`: draws an image as the model sees it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw

from ..cache import CacheLimits
from ..checkpoint import open_checkpoint
from ..engine.planner import open_layouter
from ..engine.viewing import view_with
from ..errors import BadOptions, SmolVLMError
from ..images import ImageSource, load_image
from ..images.ocr import open_recognizer, parse_check, read_words
from ..prompt.messages import Chosen
from ..prompt.tasks import parse_task, task_messages
from ..types import CheckName
from .console import reserve_stdout
from .images import each_page
from .options import ModelChoice, parse_resolution
from .page_options import PageOptions

_BOXES = (220, 38, 38)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Wish:
    """How the image is to be looked at."""

    resolution: str
    task: str
    check: str | None = None


def draw(
    image: str, out: Path, pages: PageOptions, choice: ModelChoice, wish: Wish, *, as_json: bool
) -> None:
    """Write the picture, and print what it shows."""
    if out.suffix.lower() not in SUFFIXES:
        raise BadOptions(f"--out {out} is not a picture's name", f"Use {', '.join(SUFFIXES)}.")
    task, resolution = parse_task(wish.task) or "describe", parse_resolution(wish.resolution)
    check = parse_check(wish.check)
    with reserve_stdout() as answers:
        (_, source), *more = islice(each_page([image], pages), 2)
        if more:
            raise BadOptions(f"{image} has several pages", "Choose one with --pages.")
        if isinstance(source, SmolVLMError):
            raise source
        shown = source if check is None else _with_boxes(source, check)
        checkpoint = open_checkpoint(
            choice.model, revision=choice.revision, local_files_only=choice.offline
        )
        layouter = open_layouter(checkpoint, None, CacheLimits())
        messages = Chosen(**pages.of_video).applied_to(task_messages(shown, task, "?"))
        view, plan = view_with(layouter, messages, resolution, task)
        try:
            view.save(out)
        except OSError as error:
            raise BadOptions(
                f"{out} cannot be written ({error.strerror or error})", "Choose another --out."
            ) from error
        if as_json:
            answers.json({"view": str(out), **plan.model_dump(mode="json")})
        else:
            tiles = "1 tile" if plan.tiles == 1 else f"{plan.tiles} tiles"
            answers.prose(f"{out}: {tiles}, {plan.image_tokens} image tokens")


def _with_boxes(source: ImageSource, check: CheckName) -> Image.Image:
    """The image with the boxes of its words."""
    image = load_image(source).pixels.copy()
    draw = ImageDraw.Draw(image)
    for word in read_words(image.copy(), open_recognizer(check)):
        box = word.box
        draw.rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=_BOXES)
    return image
