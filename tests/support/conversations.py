"""Conversations with places for images, each with the number of its images."""

from __future__ import annotations

from typing import Any

from PIL import Image


def text(content: str) -> dict:
    return {"type": "text", "text": content}


IMAGE = {"type": "image"}
CONVERSATIONS = {
    "text only": ([{"role": "user", "content": [text("What is 2 + 12?")]}], 0),
    "image first": ([{"role": "user", "content": [IMAGE, text("Describe it.")]}], 1),
    "text first": ([{"role": "user", "content": [text("Look: "), IMAGE, text("\nWhat?")]}], 1),
    "two interleaved": (
        [{"role": "user", "content": [text("A "), IMAGE, text(" B "), IMAGE, text("Differ?")]}],
        2,
    ),
    "three turns": (
        [
            {"role": "system", "content": [text("Be terse.")]},
            {"role": "user", "content": [IMAGE, text("What is this?")]},
            {"role": "assistant", "content": [text("A cat, 3 years old.")]},
            {"role": "user", "content": [text("  And its colour?\n\n")]},
        ],
        1,
    ),
}


def fill(messages: list[dict[str, Any]], images: list[Image.Image]) -> list[dict[str, Any]]:
    """The messages with these images in the places for them."""
    remaining = iter(images)
    return [
        {
            **turn,
            "content": [
                {**part, "image": next(remaining)} if part["type"] == "image" else part
                for part in turn["content"]
            ],
        }
        for turn in messages
    ]
