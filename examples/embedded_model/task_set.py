"""Writes held-out pictures with questions and answers as a folder for `smolvlm quality --tasks`.

    python examples/embedded_model/task_set.py FOLDER

The pictures, short questions and right answers are made as in `evaluate.py`, from a seed used for
nothing else. The set inside the package was made by this script with its default numbers.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

from held_out import SEED, SHORT, form, printed, scene
from metrics import OBJECT
from PIL import Image
from questions import describe, transcribe
from questions_print import ask_value

LIGHT = 4_000


def encode(image: Image.Image) -> tuple[str, bytes]:
    """A file ending and the bytes: PNG, or JPEG where noise makes a PNG heavy."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", optimize=True)
    if png.tell() <= LIGHT:
        return "png", png.getvalue()
    image.save(jpeg, "JPEG", quality=85)
    return ("jpg", jpeg.getvalue()) if jpeg.tell() < png.tell() else ("png", png.getvalue())


def scenes(rng: random.Random, count: int, described: int) -> Iterator[tuple[Image.Image, list]]:
    """Pictures of shapes: a short question about each, a description of the first ones."""
    for number in range(count):
        turn = None
        while turn is None:
            picture = scene(rng)
            turn = SHORT[number % len(SHORT)](rng, picture)
        asked = {"task": "ask", "question": turn.question, "answer": turn.answer}
        lines = [{**asked, "metric": "exact"}]
        if number < described:
            told = describe(rng, picture)
            lines.append(
                {"task": "describe", "answer": told.answer, "metric": "f1", "pattern": OBJECT}
            )
        yield picture.image, lines


def prints(rng: random.Random, count: int) -> Iterator[tuple[Image.Image, list]]:
    """Pictures of printed lines."""
    for _ in range(count):
        picture = printed(rng)
        answer = transcribe(rng, picture).answer
        yield picture.image, [{"task": "transcribe", "answer": answer, "metric": "cer"}]


def values(rng: random.Random, count: int) -> Iterator[tuple[Image.Image, list]]:
    """Pictures of forms: a question for a printed value about each."""
    made = 0
    while made < count:
        picture = form(rng)
        turn = ask_value(rng, picture)
        if turn is not None:
            made += 1
            asked = {"task": "ask", "question": turn.question, "answer": turn.answer}
            yield picture.image, [{**asked, "metric": "exact"}]


def write(
    folder: Path, count: int, described: int, printed_count: int, forms: int, seed: int
) -> int:
    """Write the folder; the bytes of all its files."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    lines: list[str] = []
    size = 0
    for kind, pictures in (
        ("shapes", scenes(rng, count, described)),
        ("print", prints(rng, printed_count)),
        ("form", values(rng, forms)),
    ):
        for number, (image, tasks) in enumerate(pictures):
            ending, data = encode(image)
            name = f"{kind}{number:03}.{ending}"
            (folder / name).write_bytes(data)
            size += len(data)
            lines += [json.dumps({"image": name, **task}) for task in tasks]
    text = "".join(f"{line}\n" for line in lines)
    (folder / "tasks.jsonl").write_text(text, encoding="utf-8")
    return size + len(text.encode())


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=60, help="pictures with a short question")
    parser.add_argument("--described", type=int, default=30, help="of these, also described")
    parser.add_argument("--prints", type=int, default=10, help="pictures of print")
    parser.add_argument("--forms", type=int, default=8, help="pictures with a value to ask for")
    parser.add_argument("--seed", type=int, default=SEED + 3)  # `evaluate` has the first
    args = parser.parse_args()
    size = write(args.folder, args.scenes, args.described, args.prints, args.forms, args.seed)
    print(f"{args.scenes + args.prints + args.forms} pictures, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
