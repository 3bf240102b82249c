"""One call of every tool, and engines that say what they are told."""

from __future__ import annotations

from smolvlm_tools import SmolVLM
from smolvlm_tools.backends.fake import FakeBackend

SHAPES = "examples/images/shapes.png"
RED_CIRCLE = {"image": SHAPES, "question": "What color is the circle?"}
TOTAL = {
    "type": "object",
    "properties": {"color": {"enum": ["red", "blue"]}, "count": {"type": "integer"}},
    "required": ["color", "count"],
    "additionalProperties": False,
}
CALLS = {
    "describe_image": {"image": SHAPES, "detail": "brief"},
    "answer_question": RED_CIRCLE,
    "answer_questions": {
        "image": SHAPES,
        "questions": [
            {"name": "color", "question": "What color is the circle?"},
            {"name": "count", "question": "How many shapes are there?", "answer_type": "integer"},
        ],
    },
    "transcribe_image": {"image": SHAPES, "layout": "lines"},
    "extract_fields": {"image": SHAPES, "schema": TOTAL},
    "compare_images": {"images": [SHAPES, SHAPES], "max_new_tokens": 8},
    "plan_image": {"image": SHAPES, "task": "transcribe"},
    "load_image": {"image": SHAPES},
}


def saying(checkpoint, text, **options):
    return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, text), **options)
