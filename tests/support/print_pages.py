"""Pages of print in many looks, drawn with a seed, and pictures that are not print."""

from __future__ import annotations

import random
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support.frequent_words import LATIN


def fonts() -> list[str]:
    """Paths of the fonts of matplotlib: sans, serif, mono, bold, italic, Times-like, Computer."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = (
        "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif",
        "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmr10",
        "cmss10", "cmtt10",
    )  # fmt: skip
    return [str(folder / f"{name}.ttf") for name in names]


@lru_cache(maxsize=64)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def sentences(rng: random.Random, words: list[str]) -> str:
    """A paragraph of random words with capitals, commas, full stops and a few numbers."""
    rarer = [1 / (rank + 5) for rank in range(len(words))]  # Zipf's law
    parts = []
    for _ in range(rng.randint(2, 6)):
        chosen = rng.choices(words, rarer, k=rng.randint(5, 18))
        chosen[0] = chosen[0].capitalize()
        for place in range(1, len(chosen) - 1):
            chance = rng.random()
            if chance < 0.08:
                chosen[place] += ","
            elif chance < 0.1:
                chosen[place] = str(rng.randint(1, 2030))
            elif chance < 0.13:
                chosen[place] = chosen[place].capitalize()
        parts.append(" ".join(chosen) + rng.choice("...?!:"))
    return " ".join(parts)


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[list[str]]:
    lines, line, used = [], [], 0.0
    space = font.getlength(" ")
    for word in text.split():
        length = font.getlength(word)
        if line and used + length > width:
            lines.append(line)
            line, used = [], 0.0
        line.append(word)
        used += length + space
    return [*lines, line]


def _write_line(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], words: list[str],
    font: ImageFont.FreeTypeFont, width: int | None,
) -> None:  # fmt: skip
    """One line; justified to `width` unless that is None."""
    if width is None or len(words) < 2:
        draw.text(place, " ".join(words), 0, font)
        return
    gap = (width - sum(font.getlength(word) for word in words)) / (len(words) - 1)
    x = float(place[0])
    for word in words:
        draw.text((x, place[1]), word, 0, font)
        x += font.getlength(word) + gap


def _write_column(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], rng: random.Random,
    words: list[str], font: ImageFont.FreeTypeFont,
) -> None:  # fmt: skip
    left, top, right, bottom = box
    size = int(font.size)
    step = round(size * rng.uniform(1.1, 1.7))
    justified = rng.random() < 0.5
    while top + step < bottom:
        lines = _wrap(sentences(rng, words), font, right - left)
        for number, line in enumerate(lines):
            if top + step >= bottom:
                return
            last = number == len(lines) - 1
            _write_line(
                draw, (left, top), line, font, right - left if justified and not last else None
            )
            top += step
        top += rng.choice((0, step // 2, step))


def text_page(
    rng: random.Random,
    words: list[str] | None = None,
    font: str | None = None,
    resolutions: tuple[int, ...] = (75, 100, 150, 200, 300),
) -> Image.Image:
    """A page of running text in one or two columns, perhaps with a picture, at some dpi."""
    dpi = rng.choice(resolutions)
    width, height = int(8.27 * dpi), int(rng.choice((11.7, 11.7, 6.0)) * dpi)
    points = rng.choice((10, 11, 12, 14)) if dpi <= 100 else rng.choice((8, 9, 10, 11, 12, 14))
    face = _font(font or rng.choice(fonts()), max(9, round(points * dpi / 72)))
    words = words or rng.choice(LATIN).split()
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    margin = int(rng.uniform(0.5, 1.2) * dpi)
    top = margin
    if rng.random() < 0.3:
        side = min(width, height) // 3
        left = rng.randint(margin, width - margin - side)
        page.paste(scene(rng, (side, side)).convert("L"), (left, top))
        top += side + margin // 3
    columns = rng.choice((1, 1, 2))
    gap = dpi // 4
    wide = (width - 2 * margin - gap * (columns - 1)) // columns
    for column in range(columns):
        left = margin + column * (wide + gap)
        _write_column(draw, (left, top, left + wide, height - margin), rng, words, face)
    return page


def table_page(rng: random.Random) -> Image.Image:
    """A table of numbers with thousands separators, with or without rules."""
    size = rng.choice((14, 18, 24, 30))
    font = _font(rng.choice(fonts()), size)
    rows, columns = rng.randint(6, 40), rng.randint(2, 7)
    wide, step = size * 6, round(size * rng.uniform(1.3, 2))
    page = Image.new("L", (wide * columns + 60, step * rows + 60), 255)
    draw = ImageDraw.Draw(page)
    ruled = rng.random() < 0.5
    for row in range(rows):
        for column in range(columns):
            place = (30 + column * wide, 30 + row * step)
            number = f"{rng.uniform(0, 10 ** rng.randint(2, 7)):,.{rng.choice((0, 2))}f}"
            draw.text(place, number, 0, font)
            if ruled:
                x, y = place[0] - 6, place[1] - 2
                draw.rectangle((x, y, x + wide, y + step), outline=0)
    return page


def receipt(rng: random.Random) -> Image.Image:
    """A few lines of capitals and prices."""
    size = rng.choice((14, 18, 24, 32))
    font = _font(rng.choice(fonts()), size)
    rows = rng.randint(4, 25)
    page = Image.new("L", (size * 18, round(size * 1.3) * rows + 40), 255)
    draw = ImageDraw.Draw(page)
    for row in range(rows):
        words = rng.choices(LATIN[0].upper().split(), k=rng.randint(1, 3))
        y = 20 + row * round(size * 1.3)
        draw.text((12, y), " ".join(words)[:16], 0, font)
        draw.text((size * 13, y), f"{rng.uniform(0.5, 2000):,.2f}", 0, font)
    return page


def scene(rng: random.Random, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Something like a photo: gradients, shapes, textures and noise, blurred."""
    noise = np.random.default_rng(rng.getrandbits(32))
    width, height = size
    y, x = np.mgrid[0:height, 0:width] / max(size)
    pixels = np.zeros((height, width, 3))
    for channel in range(3):
        for _ in range(4):
            a, b, phase = rng.uniform(-30, 30), rng.uniform(-30, 30), rng.uniform(0, 6)
            pixels[..., channel] += np.sin(a * x + b * y + phase)
    image = Image.fromarray(np.uint8(np.clip(pixels * 30 + 128, 0, 255)))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(0, 60)):
        left, top = rng.randint(0, width), rng.randint(0, height)
        box = (left, top, left + rng.randint(2, width // 3), top + rng.randint(2, height // 3))
        colour = tuple(rng.randint(0, 255) for _ in range(3))
        draw.rectangle(box, colour) if rng.random() < 0.5 else draw.ellipse(box, colour)
    texture = rng.choice(("none", "stripes", "bricks", "grain", "windows"))
    pitch = rng.randint(6, 40)
    if texture in ("stripes", "bricks"):
        for top in range(0, height, pitch):
            draw.rectangle((0, top, width, top + pitch // rng.choice((2, 3))), (40, 30, 30))
            if texture == "bricks":
                for left in range((top // pitch % 2) * pitch, width, 2 * pitch):
                    draw.line((left, top, left, top + pitch), (220, 220, 220), 2)
    elif texture == "windows":
        for top in range(0, height, pitch):
            for left in range(0, width, pitch):
                if rng.random() < 0.8:
                    box = (left, top, left + pitch // 2, top + round(pitch * rng.uniform(0.4, 0.8)))
                    draw.rectangle(box, (20, 20, rng.randint(0, 255)))
    grain = noise.normal(0, rng.choice((2, 10, 40)), (height, width, 1))
    pixels = np.clip(np.asarray(image, np.float64) + grain, 0, 255)
    image = Image.fromarray(np.uint8(pixels))
    return image.filter(ImageFilter.GaussianBlur(rng.choice((0, 1, 2))))


def chart(rng: random.Random) -> Image.Image:
    """Bars or a curve with axes, ticks and labels, partly written upwards."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((rng.uniform(4, 8), rng.uniform(3, 6)), dpi=rng.choice((72, 100, 150)))
    axes = figure.subplots()
    bars = rng.randint(3, 30)
    heights = [rng.uniform(1, 100) for _ in range(bars)]
    words = LATIN[0].split()
    names = [f"{word} {rng.choice(words)}" for word in rng.choices(words, k=bars)]
    kind = rng.choice(("bars", "flat bars", "curve", "points"))
    if kind == "bars":
        axes.bar(range(bars), heights)
        axes.set_xticks(range(bars), names, rotation=90)
    elif kind == "flat bars":
        axes.barh(range(bars), heights)
        axes.set_yticks(range(bars), names)
    elif kind == "curve":
        axes.plot(heights)
        axes.grid()
    else:
        axes.scatter(heights, heights[::-1])
    axes.set_title("A chart of random values")
    axes.set_ylabel("value in units of something")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def spoil(image: Image.Image, rng: random.Random, skew: float = 3.0) -> Image.Image:
    """Skew, blur, noise, light on dark and JPEG, each by chance."""
    image = image.convert("L")
    if rng.random() < 0.5:
        turn = rng.uniform(-skew, skew)
        image = image.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(0.7))
    if rng.random() < 0.5:
        noise = np.random.default_rng(rng.getrandbits(32))
        grain = noise.normal(0, rng.uniform(5, 25), (image.height, image.width))
        pixels = np.asarray(image, np.float64) * rng.uniform(0.7, 0.95) + rng.uniform(0, 30)
        image = Image.fromarray(np.uint8(np.clip(pixels + grain, 0, 255)))
    if rng.random() < 0.2:
        image = image.point([255 - value for value in range(256)])
    if rng.random() < 0.5:
        file = BytesIO()
        image.save(file, "JPEG", quality=rng.randint(30, 90))
        image = Image.open(file)
    return image.convert("RGB")


def turned(image: Image.Image, quarters: int) -> Image.Image:
    """Turned clockwise by quarters; it takes (4 - quarters) % 4 more to be upright."""
    return image.rotate(-90 * quarters, expand=True)
