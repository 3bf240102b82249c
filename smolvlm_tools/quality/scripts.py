"""What every engine reads: a fixed passage, text prompts and image prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..arrays import Tiles, TokenIds
from ..prompt.chat import START, encode_text
from ..prompt.layout import RequestLayouter
from ..prompt.messages import parse_messages
from ..prompt.request import Request, parse_options
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
        continuation: (N,), read one by one, with an engine's logits taken before each. Empty at
            first where it is the reference's greedy reply.
        picture: index of the picture in the prompt, or None.
        reply: whether the continuation is the reference's greedy reply.
        at_least: tokens of a reply before it may end: some models say little.
    """

    group: str
    prompt: TokenIds
    continuation: TokenIds = field(default_factory=lambda: np.empty(0, np.int64))
    picture: int | None = None
    reply: bool = False
    at_least: int = 0

    @property
    def token_ids(self) -> TokenIds:
        """All tokens except the last, which nothing follows: (L + N - 1,)."""
        return np.concatenate([self.prompt, self.continuation[:-1]])


def passage_scripts(layouter: RequestLayouter, positions: int) -> list[Script]:
    """The passage's first `positions` tokens, one by one and as prefixes in one pass.

    The two ways use different kernels: those of decoding and those of prefill.
    """
    text = PASSAGE.read_text(encoding="utf-8").strip()
    start = layouter.tokenizer.token_to_id(START)
    ids = np.array([start, *encode_text(layouter.tokenizer, text)], dtype=np.int64)
    ids = ids[: min(positions + 1, layouter.checkpoint.config.text.context_length)]
    stride = min(PREFILL_STRIDE, len(ids) // 2)
    ends = range(stride, len(ids), stride)
    prefixes = [Script(IN_ONE_PASS, ids[:end], ids[end : end + 1]) for end in ends]
    return [Script(BY_TOKEN, ids[:1], ids[1:]), *prefixes]


def text_scripts(layouter: RequestLayouter) -> list[Script]:
    """`PROMPTS`, each to be followed by the reference's reply."""
    scripts: list[Script] = []
    for text in PROMPTS:
        prompt = layouter.chat.build(parse_messages([{"role": "user", "content": text}]), [])
        script = Script(TEXT_PROMPTS, prompt.token_ids, reply=True, at_least=LEAST_TEXT_TOKENS)
        scripts.append(script)
    return scripts


def image_scripts(
    layouter: RequestLayouter, samples: Sequence[Sample]
) -> tuple[list[Script], list[Tiles]]:
    """Some of the samples, followed first by the reference's replies, then by the right answers.

    Also returns the tiles (T, 3, S, S) of each picture.
    """
    config, end = layouter.checkpoint.config.image, layouter.chat.end_of_utterance_id
    replies: list[Script] = []
    answers: list[Script] = []
    pictures: list[Tiles] = []
    for at, sample in enumerate(spread(samples, IMAGE_PROMPTS)):
        request = Request(sample.messages, parse_options({}), "auto", sample.task)
        layout = layouter.lay_out(request)
        prompt = layout.prompt.token_ids
        answer = [*encode_text(layouter.tokenizer, f" {sample.answer}"), end]
        replies.append(Script(IMAGE_REPLIES, prompt, picture=at, reply=True))
        answers.append(Script(IMAGE_ANSWERS, prompt, np.array(answer, dtype=np.int64), at))
        pictures.append(make_tiles(layout.images[0].pixels, layout.grids[0], config))
    return [*replies, *answers], pictures


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """At most `count` samples, evenly from the first to the last."""
    count = min(count, len(samples))
    return [samples[round(at * (len(samples) - 1) / max(1, count - 1))] for at in range(count)]
