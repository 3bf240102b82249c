"""What every engine reads: a fixed passage, text prompts and image prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import Tiles, TokenIds
from ..prompt.chat import START, encode_text
from ..prompt.layout import RequestLayouter
from ..prompt.request import Request, parse_messages, parse_options
from ..types import Message, Task
from ..vision.tiles import make_tiles
from .tasks import Sample

PASSAGE = Path(__file__).parent / "data" / "passage.txt"
PROMPTS = (
    "Why is the sky blue? Answer in two sentences.",
    "Write a short poem about a lighthouse.",
    "List five things to pack for a week in the mountains.",
    "What is the capital of France, and what is it known for?",
)
REPLY_TOKENS, LEAST_TEXT_TOKENS = 48, 24
PREFILL_STRIDE = 16
IMAGE_PROMPTS = 8

BY_TOKEN, IN_ONE_PASS = "passage, by token", "passage, in one pass"
PASSAGES = (BY_TOKEN, IN_ONE_PASS)
TEXT_PROMPTS, IMAGE_REPLIES, IMAGE_ANSWERS = "text prompts", "image prompts", "image answers"


@dataclass(frozen=True, slots=True)
class Script:
    """A prompt, and tokens that are read after it whatever an engine would say itself.

    Attributes:
        group: scripts of one group are reported together.
        prompt: (L,), read in one pass; L > 0.
        continuation: (N,), read one by one, with an engine's logits taken before each. Empty until
            `with_reply` where it is the reference's greedy reply.
        picture: index of the picture in the prompt, or None.
        reply: whether the continuation is the reference's greedy reply.
        at_least: tokens of a reply before it may end: some models say little.
    """

    group: str
    prompt: TokenIds
    continuation: TokenIds
    picture: int | None = None
    reply: bool = False
    at_least: int = 0

    def with_reply(self, tokens: Sequence[int]) -> Script:
        """A copy with the reference's reply."""
        return replace(self, continuation=np.array(tokens, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that is read.

    Attributes:
        scripts: in the order in which they are read.
        pictures: tiles (T, 3, S, S) of each picture.
    """

    scripts: tuple[Script, ...]
    pictures: tuple[Tiles, ...]


def passage_scripts(reader: RequestLayouter, positions: int) -> list[Script]:
    """The passage's first `positions` tokens, one by one and as prefixes in one pass.

    The two ways use different kernels: those of decoding and those of prefill.
    """
    text = PASSAGE.read_text(encoding="utf-8").strip()
    start = reader.tokenizer.token_to_id(START)
    ids = np.array([start, *encode_text(reader.tokenizer, text)], dtype=np.int64)
    ids = ids[: min(positions + 1, reader.checkpoint.config.text.context_length)]
    stride = min(PREFILL_STRIDE, len(ids) // 2)
    return [
        Script(BY_TOKEN, ids[:1], ids[1:]),
        *(
            Script(IN_ONE_PASS, ids[:end], ids[end : end + 1])
            for end in range(stride, len(ids), stride)
        ),
    ]


def text_scripts(reader: RequestLayouter) -> list[Script]:
    """`PROMPTS`, each to be followed by the reference's reply."""
    scripts: list[Script] = []
    for text in PROMPTS:
        prompt = reader.chat.build(parse_messages([{"role": "user", "content": text}]), [])
        scripts.append(_reply_to(TEXT_PROMPTS, prompt.token_ids, None, LEAST_TEXT_TOKENS))
    return scripts


def image_inputs(reader: RequestLayouter, samples: Sequence[Sample]) -> Inputs:
    """Some of the samples, each followed by the reference's reply and by the right answer."""
    end = reader.chat.end_of_utterance_id
    scripts: list[Script] = []
    pictures: list[Tiles] = []
    for sample in spread(samples, IMAGE_PROMPTS):
        prompt, tiles = lay_out(reader, sample.messages, sample.task)
        answer = [*encode_text(reader.tokenizer, f" {sample.answer}"), end]
        at = len(pictures)
        scripts.append(_reply_to(IMAGE_REPLIES, prompt, at))
        scripts.append(Script(IMAGE_ANSWERS, prompt, np.array(answer, dtype=np.int64), at))
        pictures.append(tiles)
    scripts.sort(key=lambda script: script.reply, reverse=True)
    return Inputs(tuple(scripts), tuple(pictures))


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """At most `count` samples, evenly from the first to the last."""
    count = min(count, len(samples))
    return [samples[round(at * (len(samples) - 1) / max(1, count - 1))] for at in range(count)]


def lay_out(
    reader: RequestLayouter, messages: Sequence[Message], task: Task
) -> tuple[TokenIds, Tiles]:
    """A request's prompt (L,) and the tiles of its one image."""
    request = Request(tuple(messages), parse_options({}), "auto", task)
    layout = reader.lay_out(request)
    config = reader.checkpoint.config.image
    return layout.prompt.token_ids, make_tiles(layout.images[0].pixels, layout.grids[0], config)


def _reply_to(group: str, prompt: TokenIds, picture: int | None, at_least: int = 0) -> Script:
    return Script(group, prompt, np.empty(0, np.int64), picture, reply=True, at_least=at_least)
