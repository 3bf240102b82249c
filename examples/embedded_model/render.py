"""Renders the training images: coloured shapes and printed text, with a label for every pixel.

Knows nothing of questions, tokens or models. Everything is drawn from one `random.Random`, so a
seed gives the same picture on every machine with the same fonts.
"""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from texts import LINE_COUNTS, sample_lines

Rgb = tuple[int, int, int]

COLOURS: dict[str, tuple[Rgb, ...]] = {
    "red": ((255, 0, 0), (220, 35, 35), (190, 20, 30)),
    "blue": ((0, 0, 255), (35, 70, 220), (30, 100, 200)),
    "green": ((0, 128, 0), (40, 160, 60), (20, 200, 40), (0, 255, 0)),
    "yellow": ((255, 255, 0), (245, 215, 20), (255, 225, 60)),
    "purple": ((128, 0, 128), (140, 50, 180), (110, 30, 150)),
    "orange": ((255, 165, 0), (250, 130, 20), (255, 140, 0)),
    "black": ((0, 0, 0), (20, 20, 20), (35, 30, 35)),
    "gray": ((128, 128, 128), (150, 150, 150), (115, 118, 122)),
}
SHAPES = ("circle", "square", "triangle", "star")
SIZES = ("small", "large")

# Dense labels: 0 background, then colour x shape, then printable ASCII from the space on.
GLYPH_BASE = 1 + len(COLOURS) * len(SHAPES)
NUM_LABELS = GLYPH_BASE + 95

SQUARE_SIZES = ((200, 200), (256, 256), (320, 240), (400, 300), (512, 512), (640, 480), (800, 600))


@dataclass(frozen=True)
class Shape:
    """One drawn object; `x` and `y` are its centre as fractions of the image."""

    size: str
    colour: str
    shape: str
    x: float
    y: float

    @property
    def name(self) -> str:
        """The object without its place, such as `large red circle`."""
        return f"{self.size} {self.colour} {self.shape}"


@dataclass(frozen=True)
class Picture:
    """A rendered image and all that is known of it."""

    image: Image.Image
    labels: np.ndarray = field(repr=False)  # (H, W) uint8, see GLYPH_BASE
    shapes: tuple[Shape, ...] = ()
    lines: tuple[str, ...] = ()


def label_of(colour: str, shape: str) -> int:
    """The dense label of a coloured shape."""
    return 1 + list(COLOURS).index(colour) * len(SHAPES) + SHAPES.index(shape)


def background(rng: random.Random) -> Rgb:
    """White in half of the images, else a light, slightly tinted colour."""
    if rng.random() < 0.5:
        return (255, 255, 255)
    level = rng.randint(228, 255)
    red, green, blue = (max(215, min(255, level + rng.randint(-8, 8))) for _ in range(3))
    return (red, green, blue)


def scene_size(rng: random.Random, split: bool) -> tuple[int, int]:
    """A source size (width, height): at most 128 px long when not split."""
    if not split:
        if rng.random() < 0.5:
            return (128, 128)
        return (rng.randint(72, 128), rng.randint(72, 128))
    if rng.random() < 0.6:
        width, height = rng.choice(SQUARE_SIZES)
    else:
        long = rng.randint(130, 800)
        width, height = long, max(80, round(long / rng.uniform(1.0, 1.95)))
    return (height, width) if rng.random() < 0.3 else (width, height)


def strip_size(rng: random.Random) -> tuple[int, int]:
    """A source size at least twice as long as high (or the other way round): two tiles."""
    long = rng.choice((256, 300, 400, 512, 600, 640, 800))
    width, height = long, max(64, round(long / rng.uniform(2.0, 3.0)))
    return (height, width) if rng.random() < 0.25 else (width, height)


def corners(shape: str, radius: float, turn: float = 0.0) -> list[tuple[float, float]]:
    """The polygon of a square, triangle or star around the origin."""
    if shape == "square":
        points = [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
    elif shape == "triangle":
        points = [(0.0, -1.0), (1.0, 0.85), (-1.0, 0.85)]
    else:
        points = []
        for step in range(10):
            reach = 1.0 if step % 2 == 0 else 0.42
            angle = math.pi * step / 5 - math.pi / 2
            points.append((reach * math.cos(angle), reach * math.sin(angle)))
    cos, sin = math.cos(turn), math.sin(turn)
    return [(radius * (x * cos - y * sin), radius * (x * sin + y * cos)) for x, y in points]


def draw_shape(
    draw: ImageDraw.ImageDraw,
    shape: str,
    centre: tuple[float, float],
    radius: float,
    fill: Rgb | int,
    turn: float = 0.0,
) -> None:
    """Draws one filled shape."""
    x, y = centre
    if shape == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    else:
        draw.polygon([(x + dx, y + dy) for dx, dy in corners(shape, radius, turn)], fill=fill)


def free_spot(
    rng: random.Random,
    size: tuple[int, int],
    radius: float,
    taken: list[tuple[float, float, float]],
) -> tuple[float, float] | None:
    """A centre inside the image that overlaps nothing, or None after 40 tries."""
    width, height = size
    for _ in range(40):
        x = rng.uniform(radius + 2, width - radius - 2)
        y = rng.uniform(radius + 2, height - radius - 2)
        gap = 0.03 * min(width, height)
        if all(max(abs(x - a), abs(y - b)) > radius + r + gap for a, b, r in taken):
            return (x, y)
    return None


def render_scene(rng: random.Random, size: tuple[int, int], count: int | None = None) -> Picture:
    """Draws up to four shapes on a light background, none touching another.

    Args:
        rng: The only source of chance.
        size: Width and height in pixels.
        count: How many shapes; drawn from 1-4 when None.
    """
    scale = rng.choice((1, 2, 3)) if max(size) <= 400 else 1  # drawn larger, then antialiased
    width, height = size[0] * scale, size[1] * scale
    image = Image.new("RGB", (width, height), background(rng))
    labels = Image.new("L", (width, height), 0)
    canvas, marks = ImageDraw.Draw(image), ImageDraw.Draw(labels)
    if count is None:
        count = rng.choices((1, 2, 3, 4), (2, 3, 3, 3))[0]
    taken: list[tuple[float, float, float]] = []
    shapes: list[Shape] = []
    few_kinds = rng.random() < 0.25  # repeats make counting worth learning
    kinds = rng.sample(SHAPES, 2) if few_kinds else SHAPES
    colours = rng.sample(list(COLOURS), 3) if few_kinds else list(COLOURS)
    for _ in range(count):
        big = rng.random() < 0.5
        radius = min(width, height) * (rng.uniform(0.13, 0.22) if big else rng.uniform(0.05, 0.08))
        spot = free_spot(rng, (width, height), radius, taken)
        if spot is None:
            continue
        colour, shape = rng.choice(colours), rng.choice(kinds)
        base = rng.choice(COLOURS[colour])
        fill = tuple(max(0, min(255, value + rng.randint(-10, 10))) for value in base)
        turn = rng.uniform(-0.15, 0.15) if rng.random() < 0.2 else 0.0
        draw_shape(canvas, shape, spot, radius, (fill[0], fill[1], fill[2]), turn)
        draw_shape(marks, shape, spot, radius, label_of(colour, shape), turn)
        taken.append((*spot, radius))
        size_name = "large" if big else "small"
        shapes.append(Shape(size_name, colour, shape, spot[0] / width, spot[1] / height))
    if scale > 1:
        image = image.resize(size, Image.Resampling.BOX)
        labels = labels.resize(size, Image.Resampling.NEAREST)
    return Picture(worn(rng, image), np.asarray(labels), shapes=tuple(shapes))


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """Free fonts on this machine (DejaVu, Liberation), sorted; may be empty."""
    roots = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
    names = [
        "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "LiberationSans-Regular",
        "LiberationSerif-Regular",
    ]  # fmt: skip
    found = {path.stem: str(path) for root in roots for path in root.rglob("*.ttf")}
    return tuple(found[name] for name in names if name in found)


@lru_cache(maxsize=2000)
def font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """A font by file, or Pillow's built-in one for an empty path."""
    if not path:
        return ImageFont.load_default(size)  # type: ignore[return-value]
    return ImageFont.truetype(path, size)


def pick_font(rng: random.Random) -> str:
    """A font file; the built-in font in half of the images, plain sans faces in most others."""
    files = font_files()
    if not files or rng.random() < 0.5:
        return ""
    common = [name for name in files if Path(name).stem in ("DejaVuSans", "LiberationSans-Regular")]
    return rng.choice(common if common and rng.random() < 0.6 else files)


def block_size(path: str, size: int, lines: list[str], pitch: float) -> tuple[float, float]:
    """Width and height of the printed block in pixels."""
    face = font(path, size)
    ascent, descent = face.getmetrics()
    width = max(face.getlength(line) for line in lines)
    return width, (ascent + descent) * (1 + pitch * (len(lines) - 1))


def largest_font(
    path: str, lines: list[str], room: tuple[float, float], pitch: float, start: int
) -> int:
    """The largest size up to `start` whose block fits into the room; 0 when none does."""
    width, height = block_size(path, 40, lines, pitch)
    size = int(min(start, 40 * room[0] / width, 40 * room[1] / height))
    while size >= 6:
        width, height = block_size(path, size, lines, pitch)
        if width <= room[0] and height <= room[1]:
            return size
        size -= 1
    return 0


def render_text(
    rng: random.Random,
    style: str,
    lines: list[str] | None = None,
    counts: tuple[int, ...] = LINE_COUNTS,
) -> Picture:
    """Prints 1-4 lines, dark on light, legible after the resize to the model's tiles.

    Args:
        rng: The only source of chance.
        style: `tile` (at most 128 px, few characters), `page` (a page that the text fills partly),
            `strip` (cropped close around the text), `wide` (twice as long as high).
        lines: What to print; drawn at random when None.
        counts: How often there are one line, two, ...
    """
    while True:
        longest = 11 if style == "tile" else 24
        text = lines or sample_lines(rng, longest, 3 if style == "tile" else 4, counts)
        picture = _try_text(rng, style, text)
        if picture is not None:
            return picture


def _try_text(rng: random.Random, style: str, lines: list[str]) -> Picture | None:
    path, pitch = pick_font(rng), rng.uniform(1.0, 1.45)
    if style == "strip":
        size = rng.randint(12, 44)
        width, height = block_size(path, size, lines, pitch)
        pad_x, pad_y = rng.uniform(0.1, 1.2) * size, rng.uniform(0.1, 0.9) * size
        canvas = (max(24, math.ceil(width + 2 * pad_x)), max(16, math.ceil(height + 2 * pad_y)))
    else:
        if style == "wide":
            canvas = strip_size(rng)
        else:
            canvas = scene_size(rng, split=style == "page")
        room = (canvas[0] * 0.95, canvas[1] * 0.95)
        top = int(0.28 * max(canvas))
        size = largest_font(path, lines, room, pitch, top)
        size = round(size * rng.uniform(0.55, 1.0))
    edge = 128 if style == "tile" else 256
    legible = 9.5 if rng.random() < 0.15 else 11.5  # font pixels after the resize
    need = math.ceil(legible * max(canvas) / edge)
    if size < need:
        size = need if style != "strip" else size
    width, height = block_size(path, max(size, 6), lines, pitch)
    if size < need or width > canvas[0] - 2 or height > canvas[1] - 1:
        return None
    left = rng.uniform(1, canvas[0] - 1 - width)
    top_y = rng.uniform(0, canvas[1] - height)
    return print_block(rng, canvas, path, size, lines, pitch, (left, top_y))


def print_block(
    rng: random.Random,
    canvas: tuple[int, int],
    path: str,
    size: int,
    lines: list[str],
    pitch: float,
    corner: tuple[float, float],
) -> Picture:
    """Prints the lines at a corner and marks the cell of every glyph."""
    image = Image.new("RGB", canvas, background(rng))
    labels = np.zeros((canvas[1], canvas[0]), dtype=np.uint8)
    draw, face = ImageDraw.Draw(image), font(path, size)
    ink = tuple(rng.randint(0, 70) for _ in range(3)) if rng.random() < 0.5 else (0, 0, 0)
    ascent, descent = face.getmetrics()
    step = (ascent + descent) * pitch
    width = max(face.getlength(line) for line in lines)
    centred = rng.random() < 0.2
    for row, line in enumerate(lines):
        x = corner[0] + ((width - face.getlength(line)) / 2 if centred else 0.0)
        y = corner[1] + row * step
        draw.text((x, y), line, font=face, fill=ink)
        top, bottom = (int(y + edge) for edge in face.getbbox("Hg")[1::2])
        edges = [x + face.getlength(line[:end]) for end in range(len(line) + 1)]
        for char, start, stop in zip(line, edges, edges[1:], strict=False):
            mark = GLYPH_BASE + ord(char) - 32
            labels[max(0, top) : bottom + 1, round(start) : round(stop)] = mark
    return Picture(worn(rng, image), labels, lines=tuple(lines))


def render_blank(rng: random.Random, size: tuple[int, int]) -> Picture:
    """An empty background."""
    image = worn(rng, Image.new("RGB", size, background(rng)))
    return Picture(image, np.zeros((size[1], size[0]), dtype=np.uint8))


def worn(rng: random.Random, image: Image.Image) -> Image.Image:
    """Now and then JPEG artefacts or a little noise, as real files have."""
    if rng.random() < 0.2:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=rng.randint(60, 95))
        return Image.open(buffer).convert("RGB")
    if rng.random() < 0.12:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(
            0, rng.uniform(1, 6), 3 * 256 * 256
        )
        pixels = np.asarray(image, dtype=np.float32)
        noise = np.resize(noise, pixels.shape)
        return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    return image
