"""Renders receipts with their expense category, to fine-tune the embedded model on.

    python examples/receipts/make.py FOLDER

Writes FOLDER/train.jsonl and FOLDER/held-out.jsonl with a PNG for every line. The model that ships
with the package reads such print, yet has never been asked what kind of expense a receipt is.
Everything comes from one `random.Random` and Pillow's own font: a seed gives the same files
everywhere.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

QUESTION = "Which kind of expense is this receipt?"
GOODS = {
    "groceries": ("bread", "milk", "rice", "eggs", "butter", "cheese", "onions", "apples"),
    "meals": ("pizza", "pasta", "soup", "coffee", "burger", "salad", "cake", "juice"),
    "travel": ("train", "taxi", "flight", "hotel", "bus", "ferry", "luggage", "visa"),
    "office": ("paper", "pens", "toner", "folder", "stapler", "tape", "cable", "mouse"),
    "fuel": ("diesel", "petrol", "oil", "tyre", "car wash", "coolant", "wiper", "adblue"),
    "health": ("aspirin", "drops", "vitamins", "cream", "plaster", "syrup", "bandage", "mask"),
}
"""What is bought, for each answer."""

SHOPS = ("Nord", "Luna", "Central", "Miller", "Star", "Corner", "Plaza", "Green")
SIDE = 128
"""Pixels: one tile of the embedded model."""


def receipt(rng: random.Random) -> tuple[Image.Image, str]:
    """A receipt of two or three things of one kind, and its category."""
    category = rng.choice(list(GOODS))
    goods = rng.sample(GOODS[category], rng.choice((2, 3)))
    prices = [rng.randint(50, 9999) for _ in goods]
    lines = [rng.choice(SHOPS).upper(), *goods, "TOTAL"]
    amounts = ["", *(f"{price / 100:.2f}" for price in prices), f"{sum(prices) / 100:.2f}"]
    shade = rng.randint(235, 255)
    image = Image.new("RGB", (SIDE, SIDE), (shade, shade, shade - rng.randint(0, 12)))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(rng.choice((13, 14, 15)))
    step = rng.randint(19, 23)
    left, top = rng.randint(3, 8), rng.randint(3, 12)
    ink = (rng.randint(0, 60),) * 3
    for row, (line, amount) in enumerate(zip(lines, amounts, strict=True)):
        draw.text((left, top + row * step), line, font=font, fill=ink)
        draw.text((SIDE - 4, top + row * step), amount, font=font, fill=ink, anchor="ra")
    return image, category


def write(folder: Path, name: str, count: int, seed: int) -> None:
    """Write so many receipts, and a line about each."""
    rng = random.Random(f"{name} {seed}")
    (folder / name).mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    for number in range(count):
        image, category = receipt(rng)
        path = f"{name}/{number:04}.png"
        image.save(folder / path)
        rows.append(json.dumps({"image": path, "question": QUESTION, "answer": category}))
    (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=600, metavar="N")
    parser.add_argument("--held-out", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    write(chosen.folder, "train", chosen.train, chosen.seed)
    write(chosen.folder, "held-out", chosen.held_out, chosen.seed)


if __name__ == "__main__":
    main()
