"""The held-out questions and forms as a folder that `smolvlm calibrate` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from benchmarks.answers.samples import TYPES, forms, samples
from smolvlm_tools.quality.calibrate.labels import FILE


def write_labels(folder: Path, questions: int, forms_count: int, seed: int) -> Path:
    """Write pictures and their `labels.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    for each in samples(questions, seed):
        line = {"question": each.question, "answer": each.value}
        choices = get_args(TYPES[each.kind])
        _save(folder, lines, each.image, line | ({"choices": choices} if choices else {}))
    for form in forms(forms_count, seed):
        _save(folder, lines, form.image, {"schema": form.schema, "answer": form.fields})
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def _save(folder: Path, lines: list[dict[str, Any]], image: Any, line: dict[str, Any]) -> None:
    name = f"{len(lines):05}.png"
    image.save(folder / name)
    lines.append({"image": name, **line})
