"""The words around a question, as VLMEvalKit puts them for SmolVLM (`vlmeval/vlm/smolvlm.py`).

Where the answer is a letter, VLMEvalKit begins the reply with "Answer:", and the model goes on from
there. Here the reply is held to begin so, as a typed answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ...errors import BadPrompt
from ...prompt.tasks import ask_messages
from ...types import ImagePart, Message, TextPart
from .samples import Sample

Prompt: TypeAlias = Callable[[Sample], tuple[Message, ...]]
Opens: TypeAlias = Callable[[Sequence[Message]], bool]
"""Whether the reply to a prompt is held to begin with `OPENING`."""

_ONE_PHRASE = "\nAnswer the question using a single word or phrase."
"""VLMEvalKit's data set adds it to the question of DocVQA, ChartQA and TextVQA."""

_DOCVQA = (
    "Give a short and terse answer to the following question. Do not paraphrase or reformat the "
    "text you see in the image. Do not include any full stops. Just give the answer without "
    "additional explanation. Question: "
)
_CHARTQA = "\n".join(
    (
        "For the question below, follow the following instructions:",
        "-The answer should contain as few words as possible.",
        "-Don’t paraphrase or reformat the text you see in the image.",
        "-Answer a binary question with Yes or No.",
        "-When asked to give a numerical value, provide a number like 2 instead of Two.",
        "-If the final answer has two or more items, provide it in the list format like [1, 2].",
        "-When asked to give a ratio, give out the decimal value like 0.25 instead of 1:4.",
        "-When asked to give a percentage, give out the whole value like 17 instead of decimal "
        "like 0.17%.",
        "-Don’t include any units in the answer.",
        "-Do not include any full stops at the end of the answer.",
        "-Try to include the full label from the graph when asked about an entity.",
        "Question: ",
    )
)
_TEXTVQA = "\n".join(
    (
        "Answer the following question about the image using as few words as possible. Follow "
        "these additional instructions:",
        "-Always answer a binary question with Yes or No.",
        "-When asked what time it is, reply with the time seen in the image.",
        "-Do not put any full stops at the end of the answer.",
        "-Do not put quotation marks around the answer.",
        "-An answer with one or two words is favorable.",
        "-Do not apply common sense knowledge. The answer can be found in the image.",
        "Question: ",
    )
)
OPENING = "Answer:"
"""How replies to choices begin."""
OPENED = rf"{OPENING}[^\x00]*"
"""What such a reply has to match."""

_MATHVISTA_OPTION = re.compile(r"\(([A-H])\) ")
_MMMU_IMAGE = re.compile(r"<image (\d)>")


def plain(sample: Sample) -> tuple[Message, ...]:
    """The question as it is; of a choice, its options and a request for the letter."""
    return choice(sample) if sample.options else _asking(sample, sample.question)


def docvqa(sample: Sample) -> tuple[Message, ...]:
    """The question with SmolVLM's instructions for DocVQA."""
    return _asking(sample, f"{_DOCVQA}{sample.question}{_ONE_PHRASE}")


def chartqa(sample: Sample) -> tuple[Message, ...]:
    """The question with SmolVLM's instructions for ChartQA."""
    return _asking(sample, f"{_CHARTQA}{sample.question}{_ONE_PHRASE}")


def textvqa(sample: Sample) -> tuple[Message, ...]:
    """The question with SmolVLM's instructions for TextVQA."""
    return _asking(sample, f"{_TEXTVQA}{sample.question}{_ONE_PHRASE}")


def ocrbench(sample: Sample) -> tuple[Message, ...]:
    """The question and a request for a very brief answer."""
    return _asking(sample, f"{sample.question.strip()}\nGive a very brief answer.")


def choice(sample: Sample) -> tuple[Message, ...]:
    """Hint, question and options, and a request for the letter."""
    return _asking(sample, _choices(sample))


def mathvista(sample: Sample) -> tuple[Message, ...]:
    """The published query, which has its hint and choices, in the words that SmolVLM knows."""
    text = _MATHVISTA_OPTION.sub(r"\1. ", sample.question.strip())
    text = text.replace("\nOptions:", "\nChoices:").replace("Hint: ", "")
    return _asking(sample, text)


def mmmu(sample: Sample) -> tuple[Message, ...]:
    """Every image under its number first, then the question, which names the numbers.

    Raises:
        BadPrompt: the question names an image that is not there.
    """
    text = _choices(sample).replace("Question: ", "", 1)
    named = [int(number) for number in _MMMU_IMAGE.findall(text)]
    if missing := [number for number in named if not 0 < number <= len(sample.images)]:
        raise BadPrompt(
            f"the question of {sample.id!r} names image {missing[0]} of {len(sample.images)}",
            "Leave the sample out, or mend its file.",
        )
    if named:
        # The harness counts the places of images, not the images.
        images = [sample.images[number - 1] for number in named]
        places = iter(range(1, len(named) + 1))
        pieces = [piece.strip() for piece in _MMMU_IMAGE.split(text)[::2]]
        text = pieces[0] + "".join(f" <image {next(places)}> {piece}" for piece in pieces[1:])
    else:
        images = list(sample.images)
        text = "".join(f" <image {n}> " for n in range(1, len(images) + 1)) + text
    parts: list[TextPart | ImagePart] = []
    before = "Question: "
    for number, image in enumerate(images, 1):
        parts += [TextPart(text=f"{before}<image {number}>:"), ImagePart(image=image)]
        before = "\n"
    return (Message(role="user", content=(*parts, TextPart(text=before + text))),)


def opens_choice(messages: Sequence[Message]) -> bool:
    """Whether VLMEvalKit begins the reply, judging as it does by whether A. and B. stand there."""
    text = "".join(p.text for m in messages for p in m.content if isinstance(p, TextPart))
    return "A." in text and "B." in text


def opens_always(messages: Sequence[Message]) -> bool:
    """For the benchmarks that have nothing but choices."""
    return bool(messages)


def without_opening(reply: str) -> str:
    """What the model said after it."""
    return reply.strip().removeprefix(OPENING).strip()


def _choices(sample: Sample) -> str:
    """Hint, question and options, without options where the answer is free."""
    hint = f"Hint: {sample.hint}\n" if sample.hint else ""
    text = f"{hint}Question: {sample.question}"
    if not sample.options:
        return text
    lines = "\n".join(f"{letter}. {option}" for letter, option in sample.options.items())
    return f"{text}\nChoices:\n{lines}\nAnswer with the letter."


def _asking(sample: Sample, text: str) -> tuple[Message, ...]:
    return ask_messages(list(sample.images), text)
