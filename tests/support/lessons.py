"""Samples to learn from, with pictures that are drawn here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smolvlm_tools.finetune.samples import Sample, Split
from smolvlm_tools.types import Message


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Coarse coloured noise, which survives resizing."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def turn(role: str, *parts: Any) -> Message:
    """A turn of texts and images."""
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image", "image": part}
        for part in parts
    ]
    return Message.model_validate({"role": role, "content": content})


def sample(*turns: Message, place: str = "here:1") -> Sample:
    return Sample(turns, place)


def asked(question: str, answer: str, *images: Any, place: str = "here:1") -> Sample:
    return sample(turn("user", *images, question), turn("assistant", answer), place=place)


def lessons(count: int, size: int = 32) -> list[Sample]:
    """Samples of one small picture each, whose answers differ in length."""
    return [
        asked(
            "What is in this image?",
            "There are 12 shapes. " * (1 + at % 3),
            picture(size, size, at),
            place=f"lessons:{at + 1}",
        )
        for at in range(count)
    ]


def split(training: int, validation: int = 0) -> Split:
    found = lessons(training + validation)
    return Split(found[:training], found[training:])


def tensors_of(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    (path,) = folder.glob("*.safetensors")
    return load_file(path)
