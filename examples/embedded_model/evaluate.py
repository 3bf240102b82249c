"""Measures a checkpoint folder on freshly seeded pictures: `python evaluate.py FOLDER`.

Greedy answers to pictures of common sizes; the seeds are used for nothing else.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from pathlib import Path

from answerers import Answer, Answerer, Extract, product_answerer, torch_answerer
from held_out import SEED, SHORT, form, printed, scene, schema_of, wanted_fields
from metrics import named_objects
from questions import describe, transcribe
from questions_print import ask_value
from render import Picture
from turn import Turn

from smolvlm_tools.quality.metrics import edits, f1


def tiles_name(picture: Picture, task: str) -> str:
    """Whether the automatic resolution splits the picture."""
    return "split" if task == "transcribe" or max(picture.image.size) > 128 else "one tile"


def score_descriptions(answer: Answer, count: int, seed: int) -> dict[str, float]:
    """F1 over named objects (size, colour and shape right), and whole sentences exactly right."""
    rng, sums = random.Random(seed), defaultdict(Counter[str])
    for _ in range(count):
        picture = scene(rng)
        turn = describe(rng, picture)
        said, wanted = answer(picture.image, turn.question, "describe"), turn.answer
        found, there = named_objects(said), named_objects(wanted)
        for name in ("all", tiles_name(picture, "describe")):
            sums[name]["hits"] += (found & there).total()
            sums[name]["said"] += found.total()
            sums[name]["there"] += there.total()
            sums[name]["exact"] += said == wanted
            sums[name]["images"] += 1
    scores = {
        f"description F1, {name}": f1(tally["hits"], tally["said"], tally["there"])
        for name, tally in sums.items()
    }
    scores["description exact, all"] = sums["all"]["exact"] / sums["all"]["images"]
    return scores


def score_short(answer: Answer, count: int, seed: int) -> dict[str, float]:
    """Share of exactly right short answers, by kind; `count` questions in all."""
    rng, right = random.Random(seed), defaultdict(list[bool])
    asked = 0
    while asked < count:
        picture = scene(rng)
        turn: Turn | None = SHORT[asked % len(SHORT)](rng, picture)
        if turn is None:
            continue
        asked += 1
        correct = answer(picture.image, turn.question, "ask") == turn.answer
        for name in ("all", turn.kind, tiles_name(picture, "ask")):
            right[name].append(correct)
    return {f"short answers, {name}": sum(hits) / len(hits) for name, hits in right.items()}


def score_transcription(answer: Answer, count: int, seed: int) -> dict[str, float]:
    """Character error rate: edits over the characters printed."""
    rng, wrong, total, exact = random.Random(seed), 0, 0, 0
    for _ in range(count):
        picture = printed(rng)
        turn = transcribe(rng, picture)
        said = answer(picture.image, turn.question, "transcribe")
        wrong += edits(said, turn.answer)
        total += len(turn.answer)
        exact += said == turn.answer
    return {"transcription CER": wrong / total, "transcription exact": exact / count}


def score_values(answer: Answer, count: int, seed: int) -> dict[str, float]:
    """Share of printed values, asked by name, that are exactly right."""
    rng, right = random.Random(seed), list[bool]()
    while len(right) < count:
        picture = form(rng)
        turn = ask_value(rng, picture)
        if turn is not None:
            right.append(answer(picture.image, turn.question, "transcribe") == turn.answer)
    return {"values exact": sum(right) / len(right)}


def score_fields(extract: Extract, count: int, seed: int) -> dict[str, float]:
    """Share of fields that are right, of `count` forms; a number has to be the number."""
    rng, right, whole = random.Random(seed), list[bool](), list[bool]()
    for _ in range(count):
        picture = form(rng)
        wanted = wanted_fields(rng, picture)
        said = extract(picture.image, schema_of(wanted))
        hits = [same(said.get(key), value) for key, value in wanted.items()]
        right += hits
        whole.append(all(hits))
    return {"fields right": sum(right) / len(right), "all fields right": sum(whole) / len(whole)}


def same(said: object, wanted: object) -> bool:
    """Equal, and a number where a number is wanted."""
    return isinstance(said, str) == isinstance(wanted, str) and said == wanted


def evaluate(answerer: Answerer, count: int = 500, seed: int = SEED) -> dict[str, float]:
    """All scores.

    Args:
        answerer: What is measured.
        count: Samples per task.
        seed: Start of the held-out seeds.
    """
    return {
        **score_descriptions(answerer.answer, count, seed),
        **score_short(answerer.answer, count, seed + 1),
        **score_transcription(answerer.answer, count, seed + 2),
        **score_values(answerer.answer, count, seed + 4),
        **score_fields(answerer.extract, count, seed + 5),
    }


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500, help="samples per task")
    parser.add_argument("--backend", default="", help="measure smolvlm_tools with this backend")
    parser.add_argument("--precision", default="auto", help="with --backend: fp32, int8, ...")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.backend:
        answerer = product_answerer(args.folder, args.backend, args.precision)
    else:
        answerer = torch_answerer(args.folder)
    scores = evaluate(answerer, args.count, args.seed)
    if args.json:
        print(json.dumps(scores, indent=2))
        return
    for name, value in scores.items():
        print(f"{name:32} {value:.3f}")


if __name__ == "__main__":
    main()
