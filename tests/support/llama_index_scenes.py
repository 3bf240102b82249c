"""A scripted backend and drawn pictures for the tests of LlamaIndex's adapters."""

from __future__ import annotations

import threading

from PIL import Image, ImageDraw

from smolvlm_tools.backends.fake import FakeBackend


class Counting(FakeBackend):
    """Says " a shape" and counts its work; decodes only as often as its gate lets it."""

    def __init__(self, config, script):
        super().__init__(config, script)
        self.entered, self.gate = threading.Event(), threading.Semaphore(100_000)
        self.prefills = self.steps = 0

    def forward(self, inputs, cache, *rest):
        self.entered.set()
        self.gate.acquire()
        self.steps += 1
        self.prefills += cache.prompt is None
        return super().forward(inputs, cache, *rest)

    def shut(self):
        while self.gate.acquire(blocking=False):
            pass


def drawn(colour):
    image = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(image).ellipse((40, 40, 120, 120), fill=colour)
    return image


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(colour).save(path)


def paged(path, colours, **options):
    """A document with a page for each colour."""
    pages = [drawn(colour) for colour in colours]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
