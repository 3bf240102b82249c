"""Questions of one's own, their replies, and a model that notes how its steps are shared."""

from __future__ import annotations

import json
import shutil

from smolvlm_tools.backends.fake import FakeBackend
from tests.support.paths import SHAPES

QUESTIONS = [
    *(("What color is the circle?", "red"), ("How many shapes are there?", "3")),
    *(("Is there a circle?", "yes"), ("What color is the square?", "blue")),
    *(("Is there a star?", "no"), ("What shape is red?", "circle")),
]


def labels(folder, lines=None):
    folder.mkdir(exist_ok=True)
    shutil.copy(SHAPES, folder / "shapes.png")
    lines = lines or [
        {"image": "shapes.png", "question": q, "answer": a, "category": q.split()[0]}
        for q, a in QUESTIONS
    ]
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def replies(folder):
    _, *lines = (folder / "answers.jsonl").read_text().splitlines()
    return {line["number"]: line.get("reply") for line in map(json.loads, lines)}


class Watched(FakeBackend):
    """Notes how many sequences take each step."""

    def __init__(self, config, script):
        super().__init__(config, script)
        self.together = []

    def step(self, token_ids, caches):
        self.together.append(len(caches))
        return super().step(token_ids, caches)
