"""How a reply is scored against the accepted answers: 0 for wrong to 1 for right.

Each is the measure that VLMEvalKit (Apache-2.0) computes for the table of SmolVLM's model card,
written anew from its description; `docs/evaluate.md` says where they depart from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..metrics import edits
from .vqa_words import normalise

ANLS_THRESHOLD = 0.5
RELAXED_CHANGE = 0.05
FEWEST_VQA_ANSWERS = 4
"""With fewer, leaving one out leaves fewer than the three that a full score takes."""

_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_AROUND_LETTERS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_NEAR_THE_END = 5
NO_OPTION = "Z"


def anls(reply: str, answers: Sequence[str]) -> float:
    """Average normalised Levenshtein similarity of DocVQA: 1 - edits / length, 0 below a half.

    The best of the answers counts. Case and runs of white space do not. Biten et al. 2019
    (arXiv:1907.00490); `anls_compute` and `hit_calculate` of VLMEvalKit's `vqa_eval.py`.

        >>> anls("Don't", ["Won't"]), anls("100%", ["96%"])
        (0.8, 0.0)
    """
    best = max(1 - _distance(reply, answer) for answer in answers)
    return 0.0 if best < ANLS_THRESHOLD else best


def _distance(reply: str, answer: str) -> float:
    said, wanted = (" ".join(text.lower().split()) for text in (reply, answer))
    length = max(len(said), len(wanted))
    return edits(said, wanted) / length if length else 0.0


def vqa_score(reply: str, answers: Sequence[str]) -> float:
    """The VQA score: of every set of answers with one left out, min(1, equal ones / 3), averaged.

    It is made for ten answers by ten people. `process_line` of VLMEvalKit's `vqa_eval.py`, after
    https://visualqa.org/evaluation.html.

        >>> round(vqa_score("Dr. Pepper", ["dr pepper"] * 3 + ["pepper"] * 7), 2)
        0.9
    """
    said = normalise(reply)
    equal = [normalise(answer) == said for answer in answers]
    total = sum(equal)
    return sum(min(1.0, (total - own) / 3) for own in equal) / len(equal)


def relaxed_accuracy(reply: str, answers: Sequence[str]) -> float:
    """ChartQA's measure: a number may be off by 5 %, a text must be equal apart from case.

    `relaxed_correctness` of google-research/pix2struct `metrics.py`, which VLMEvalKit has too. A
    right answer of 0 is compared as a text, as there.

        >>> relaxed_accuracy("100%", ["0.96"]), relaxed_accuracy("100%", ["94%"])
        (1.0, 0.0)
    """
    return float(any(_is_near(reply.strip(), answer) for answer in answers))


def _is_near(said: str, wanted: str) -> bool:
    found, target = _number(said), _number(wanted)
    if found is not None and target:
        return abs(found - target) / abs(target) <= RELAXED_CHANGE
    return said.lower() == wanted.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def exact_match(reply: str, answers: Sequence[str]) -> float:
    """1 where the reply is one of the answers, apart from case and outer white space.

    "accuracy" of VLMEvalKit's `process_line`.
    """
    said = reply.strip().lower()
    return float(any(answer.strip().lower() == said for answer in answers))


def contains(reply: str, answers: Sequence[str], *, formula: bool = False) -> float:
    """OCRBench's measure: 1 where an answer stands somewhere in the reply.

    `OCRBench.evaluate` of VLMEvalKit's `image_vqa.py`, which looks at no spaces in formulas, and at
    their case, but at no case elsewhere.

        >>> contains("It says CENTRE.", ["centre"])
        1.0
    """
    if formula:
        said = reply.strip().replace("\n", " ").replace(" ", "")
        wanted = [each.strip().replace("\n", " ").replace(" ", "") for each in answers]
    else:
        said = reply.lower().strip().replace("\n", " ")
        wanted = [each.lower().strip().replace("\n", " ") for each in answers]
    return float(any(answer in said for answer in wanted))


def find_choice(reply: str, options: Mapping[str, str]) -> str | None:
    """The letter that a reply chooses, or the only option whose text it has; None if unclear.

    `can_infer` of VLMEvalKit's `matching_util.py`. A letter must stand by itself among the last
    words, and no other letter of an option may. `NO_OPTION` where the reply refuses.

        >>> find_choice("Answer: B.", {"A": "a cat", "B": "a dog"})
        'B'
    """
    if any(refusal in reply for refusal in _REFUSALS):
        return NO_OPTION
    words = reply.translate(_AROUND_LETTERS).split()
    letters = [letter for letter in options if letter in words]
    if len(letters) == 1 and words.index(letters[0]) > len(words) - _NEAR_THE_END:
        return letters[0]
    if not letters and NO_OPTION in words:
        return NO_OPTION
    if len(reply) > 2 * sum(map(len, options.values())):
        return None
    said = reply.lower()
    named = [letter for letter, text in options.items() if text.lower() in said]
    return named[0] if len(named) == 1 else None


def choice_match(reply: str, answers: Sequence[str], options: Mapping[str, str]) -> float:
    """1 where the reply chooses the right letter: VLMEvalKit's "exact_matching", without a judge.

    Where `find_choice` finds none, the answer counts as wrong.
    """
    return float(find_choice(reply, options) in answers)
