"""A question about a picture, as LangChain writes it."""

from __future__ import annotations

from langchain_core.messages import HumanMessage

from tests.support.paths import SHAPES


def ask(question="What color is the circle?"):
    return [
        HumanMessage([{"type": "image", "path": str(SHAPES)}, {"type": "text", "text": question}])
    ]
