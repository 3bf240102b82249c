"""The inputs that every engine is measured on: a page of print, one tile, texts of exact length."""

from __future__ import annotations

import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from tokenizers import Tokenizer

PAGE_SIZE = (1700, 2200)  # US letter at 200 dpi: 4x4 tiles and the global one for the 256M
QUESTION = "Can you describe this image?"
FILLER = " a"

LINE = "The quick brown fox of invoice 20741 jumps over 358 lazy dogs, and pays 1,964.20 for it. "


def write_images(folder: Path) -> tuple[Path, Path]:
    """Write the page and a small square image as PNG files into `folder`."""
    page, square = folder / "page.png", folder / "square.png"
    _draw_print(PAGE_SIZE, font_size=30).save(page)
    _draw_print((256, 256), font_size=14).save(square)
    return page, square


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


def text_of_length(tokenizer_file: Path, prompt_tokens: int) -> str:
    """A user text whose whole chat prompt has `prompt_tokens` tokens, or nearly so.

    It is exact where the filler word is one token, as in SmolVLM's vocabulary.
    """
    tokenizer = Tokenizer.from_file(str(tokenizer_file))

    def length(words: int) -> int:
        prompt = f"<|im_start|>User: Repeat:{FILLER * words}<end_of_utterance>\nAssistant:"
        return len(tokenizer.encode(prompt, add_special_tokens=False))

    per_word = length(1) - length(0)
    return f"Repeat:{FILLER * max(0, (prompt_tokens - length(0)) // per_word)}"
