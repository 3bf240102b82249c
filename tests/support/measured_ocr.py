"""Memory of reading an image by RapidOCR: `python -m tests.support.measured_ocr 1200x1000`.

Prints the bytes that were predicted, and the most that were taken beyond what was in use before it
was loaded.
"""

from __future__ import annotations

import sys
import threading

import psutil
from PIL import Image, ImageDraw

from smolvlm_tools.images.ocr import open_recognizer


def page(width: int, height: int) -> Image.Image:
    """A page that is full of words."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for row in range(10, height - 20, 24):
        draw.text((10, row), "the quick brown fox 12.50 " * (width // 160), "black", font_size=14)
    return image


def main(size: str) -> None:
    width, height = map(int, size.split("x"))
    image, process = page(width, height), psutil.Process()
    before, most, over = process.memory_info().rss, [0], threading.Event()

    def sample() -> None:
        while not over.wait(0.005):
            most[0] = max(most[0], process.memory_info().rss)

    thread = threading.Thread(target=sample)
    thread.start()
    recognizer = open_recognizer("ocr")
    for _ in range(2):
        words = recognizer.read(image)
    over.set()
    thread.join()
    print(recognizer.working_bytes(image.size), most[0] - before, len(words))


if __name__ == "__main__":
    main(sys.argv[1])
