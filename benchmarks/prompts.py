"""What every engine is asked: pages, a photo, an icon, texts of exact length."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from tokenizers import Tokenizer

PAGE_SIZE = (1700, 2200)  # US letter at 200 dpi: 4x4 tiles and the global one for the 256M
PHOTO_SIZE = (1024, 768)
ICON_SIZE = (512, 512)
PAGES = 4
TOGETHER = 8
QUESTION = "Can you describe this image?"
FOLLOW_UPS = (
    "What is the total?",
    "Who wrote this page?",
    "How many lines are there?",
    "Which numbers does it show?",
    "Is there a signature?",
)
FILLER = " a"

LINE = "The quick brown fox of invoice 20741 jumps over 358 lazy dogs, and pays 1,964.20 for it. "


@dataclass(frozen=True, slots=True)
class Images:
    """The image files of a run. The square is for the GPU only, see `benchmarks.gpu.task`.

    Attributes:
        half: the first page, its lower half blank.
    """

    pages: tuple[Path, ...]
    half: Path
    small: tuple[Path, ...]
    photo: Path
    icon: Path
    square: Path


def image_files(folder: Path) -> Images:
    """Their names in `folder`."""
    return Images(
        pages=tuple(folder / f"page{number}.png" for number in range(PAGES)),
        half=folder / "half.png",
        small=tuple(folder / f"small{number}.png" for number in range(TOGETHER)),
        photo=folder / "photo.jpg",
        icon=folder / "icon.png",
        square=folder / "square.png",
    )


def write_images(folder: Path) -> Images:
    """Write different pages, different small images, a photo and an icon into `folder`."""
    images = image_files(folder)
    for number, path in enumerate(images.pages):
        _draw_print(PAGE_SIZE, font_size=30 + number).save(path)
    with Image.open(images.pages[0]) as page:
        page.paste("white", (0, page.height // 2, *page.size))
        page.save(images.half)
    for number, path in enumerate(images.small):
        _draw_print((256, 256), font_size=14 + number).save(path)
    _draw_scene(PHOTO_SIZE).save(images.photo, quality=90)
    _draw_print(ICON_SIZE, font_size=40).save(images.icon)
    return images


def _draw_scene(size: tuple[int, int]) -> Image.Image:
    sky = Image.linear_gradient("L").resize(size)
    noise = Image.effect_noise(size, 40)
    image = Image.merge("RGB", (sky, noise, Image.blend(sky, noise, 0.5)))
    draw = ImageDraw.Draw(image)
    top = size[1] // 2
    for step in range(0, size[0], 64):
        draw.ellipse((step, top, step + 48, top + 160), fill=(200, step % 256, 60))
    return image


def _draw_print(size: tuple[int, int], font_size: int) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(font_size)
    margin = size[0] // 16
    characters = int((size[0] - 2 * margin) / (font_size * 0.52))
    lines = textwrap.wrap(LINE * 60, characters)
    height = int(font_size * 1.4)
    for index, line in enumerate(lines[: (size[1] - 2 * margin) // height]):
        draw.text((margin, margin + index * height), line, fill="black", font=font)
    return image


def conversation(text: str, images: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """One question as `SmolVLM` takes it, images first."""
    content: list[dict[str, Any]] = [{"type": "image", "image": str(path)} for path in images]
    return [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]


def exactly(new_tokens: int) -> dict[str, Any]:
    """Options of `SmolVLM` for a reply of exactly so many tokens."""
    return {"max_new_tokens": new_tokens, "ignore_eos": True, "repetition_guard": False}


def text_of_length(tokenizer_file: Path, prompt_tokens: int) -> str:
    """A user text whose whole chat prompt has `prompt_tokens` tokens.

    Exact only where the filler word is one token, as in SmolVLM's vocabulary.
    """
    tokenizer = Tokenizer.from_file(str(tokenizer_file))

    def length(words: int) -> int:
        prompt = f"<|im_start|>User: Repeat:{FILLER * words}<end_of_utterance>\nAssistant:"
        return len(tokenizer.encode(prompt, add_special_tokens=False))

    per_word = length(1) - length(0)
    return f"Repeat:{FILLER * max(0, (prompt_tokens - length(0)) // per_word)}"
