"""Renders receipts with the line that an expense report wants, to fine-tune the embedded model on.

    python examples/receipts/make.py FOLDER

Writes FOLDER/train.jsonl and FOLDER/held-out.jsonl with a PNG for every line. The model that ships
with the package reads such print, yet asked for a shop and a total at once it names the shop alone.
Everything comes from one `random.Random` and Pillow's own font, so a seed always gives the same
files.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

QUESTION = "Which shop, and how much?"
SHOPS = ("Nord", "Luna", "Central", "Miller", "Star", "Corner", "Plaza", "Green")
GOODS = (
    *("bread", "milk", "rice", "eggs", "butter", "cheese", "onions", "apples", "pizza", "pasta"),
    *("soup", "coffee", "burger", "salad", "cake", "juice", "paper", "pens", "folder", "cable"),
)
SIDE = 128
"""Pixels: one tile of the embedded model."""


def receipt(rng: random.Random) -> tuple[Image.Image, str]:
    """A receipt of two or three things, and the line about it."""
    shop, goods = rng.choice(SHOPS), rng.sample(GOODS, rng.choice((2, 3)))
    prices = [rng.randint(50, 9999) for _ in goods]
    total = f"{sum(prices) / 100:.2f}"
    lines = [shop.upper(), *goods, "TOTAL"]
    amounts = ["", *(f"{price / 100:.2f}" for price in prices), total]
    shade = rng.randint(235, 255)
    image = Image.new("RGB", (SIDE, SIDE), (shade, shade, shade - rng.randint(0, 12)))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(rng.choice((13, 14, 15)))
    step = rng.randint(19, 23)
    left, top = rng.randint(3, 8), rng.randint(3, 12)
    ink = (rng.randint(0, 60),) * 3
    for row, (line, amount) in enumerate(zip(lines, amounts, strict=True)):
        draw.text((left, top + row * step), line, font=font, fill=ink)
        draw.text((SIDE - 4, top + row * step), amount, font=font, fill=ink, anchor="ra")
    return image, f"{shop}, {total}"


def write(folder: Path, name: str, count: int, seed: int) -> None:
    """Write so many receipts, and a line about each."""
    rng = random.Random(f"{name} {seed}")
    (folder / name).mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    for number in range(count):
        image, answer = receipt(rng)
        path = f"{name}/{number:04}.png"
        image.save(folder / path)
        rows.append(json.dumps({"image": path, "question": QUESTION, "answer": answer}))
    (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=400, metavar="N")
    parser.add_argument("--held-out", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    write(chosen.folder, "train", chosen.train, chosen.seed)
    write(chosen.folder, "held-out", chosen.held_out, chosen.seed)


if __name__ == "__main__":
    main()
