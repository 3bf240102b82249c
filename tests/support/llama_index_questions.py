"""Questions about pictures, as LlamaIndex writes them."""

from __future__ import annotations

from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    TextBlock,
)

from tests.support.paths import RECEIPT, SHAPES

QUESTION = "What color is the circle?"


def asked(image, text=QUESTION):
    return [ChatMessage(blocks=[image, TextBlock(text=text)])]


def about_shapes():
    return asked(ImageBlock(path=SHAPES))


def about_receipt():
    return asked(ImageBlock(path=RECEIPT), "What is the total?")
