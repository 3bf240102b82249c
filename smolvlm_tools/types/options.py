"""How a reply is decoded."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from .checked import Checked
from .value import Value


class GenerationOptions(Value, Checked):
    """How one reply is decoded. The defaults are greedy and deterministic.

    An unknown name or an impossible value is `BadOptions`.

    Attributes:
        max_new_tokens: most tokens to generate, the end-of-utterance token included.
        temperature: 0 is greedy; above, logits are divided by it before sampling.
        top_p: nucleus: sample from the smallest set of tokens with this probability together.
        top_k: sample from the k likeliest tokens; 0 means all.
        seed: of the sampler; None draws one from the system.
        stop: texts that end the reply; they are not part of it.
        repetition_guard: end a reply that has begun to loop (`finish_reason="repetition"`). Where
            it is not streamed and the resolution is "auto", it is continued once from before the
            loop, with another cut of the images (flag "recovered"); see docs/guide.md.
        ignore_eos: decode on past the end-of-utterance token (for benchmarks).
        logprobs: report every generated token with its log-probability.
    """

    max_new_tokens: int = Field(default=512, ge=1, le=1_000_000)
    temperature: float = Field(default=0.0, ge=0.0, le=100.0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0)
    seed: int | None = Field(default=None, ge=0)
    stop: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(lambda stop: (stop,) if isinstance(stop, str) else stop),
    ] = ()
    repetition_guard: bool = True
    ignore_eos: bool = False
    logprobs: bool = False
