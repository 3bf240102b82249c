"""Arguments that every tool accepts."""

from __future__ import annotations

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
    "transcribe_image": {"image": SHAPES, "layout": "lines"},
    "extract_fields": {"image": SHAPES, "schema": TOTAL},
    "compare_images": {"images": [SHAPES, SHAPES], "max_new_tokens": 8},
    "plan_image": {"image": SHAPES, "task": "transcribe"},
    "load_image": {"image": SHAPES},
}
