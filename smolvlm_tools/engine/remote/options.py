"""Log-probabilities of tokens → the probability of every option of a closed choice.

An option counts as reached with the token that tells it from all others, and shares what those
tokens have of probability with the other options (`decoding.choice` weighs all of their tokens).
A token that the server does not list, as it is not among the 20 likeliest, counts as 0, if that is
certain to make no difference; else nothing is known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

from ...constraints.kinds import Choice
from ...constraints.options import other_spellings
from .wire import Said

_NEGLIGIBLE = 0.01
"""Share that may be left out of account: of tokens that more than one option begins with, and of
options that are not listed."""


def option_of(choice: Choice, text: str) -> int | None:
    """The index of the option that a text is, in one of its usual spellings; None for others."""
    spellings = _spellings(choice)
    for tried in (text, text.strip(" \t\n.!\"'`*")):
        if tried in spellings:
            return spellings[tried]
    return None


def weigh(choice: Choice, tokens: Sequence[Said], start: int) -> tuple[float, ...] | None:
    """Probabilities of all options, which sum to 1; None where the tokens do not tell.

    Args:
        tokens: of a reply, in their order.
        start: byte of the reply at which the option begins, with its quotation mark.
    """
    targets = _targets(choice)
    scores = [0.0] * len(choice.options)
    alive = set(range(len(scores)))
    reached, unclear, prefix = 1.0, 0.0, b""
    for token, lead in _from(tokens, start):
        taken = dict([(token.data, token.logprob), *token.others])
        seen = set[int]()
        for data, logprob in taken.items():
            rest = data.removeprefix(lead) if data.startswith(lead) else data.lstrip()
            possible = _possible(targets, alive, prefix + rest)
            seen |= possible
            if data == token.data or possible == alive:
                continue
            if len(possible) == 1:
                scores[possible.pop()] += reached * math.exp(logprob)
            elif possible:
                unclear += reached * math.exp(logprob)
        unclear += reached * len(alive - seen) * _most_unlisted(token)
        prefix += token.data[len(lead) :]
        reached *= math.exp(token.logprob)
        alive = _possible(targets, alive, prefix)
        if len(alive) == 1:
            scores[alive.pop()] += reached
            total = sum(scores)
            known = total > 0 and unclear <= _NEGLIGIBLE * total
            return tuple(score / total for score in scores) if known else None
        if not alive:
            return None
    return None


def _most_unlisted(token: Said) -> float:
    """Bound on the probability of a token that is not listed at another's place."""
    if not token.others:
        return 1 - math.exp(token.logprob)
    return min(math.exp(logprob) for _, logprob in token.others)


def _from(tokens: Sequence[Said], start: int) -> Iterator[tuple[Said, bytes]]:
    """Tokens that write what stands behind `start`, and what of the first stands before it."""
    begin = 0
    for token in tokens:
        end = begin + len(token.data)
        if end > start:
            yield token, token.data[: max(0, start - begin)]
        begin = end


def _possible(targets: Sequence[tuple[bytes, int]], alive: set[int], text: bytes) -> set[int]:
    return {
        option
        for target, option in targets
        if option in alive and (target.startswith(text) or text.startswith(target))
    }


def _targets(choice: Choice) -> list[tuple[bytes, int]]:
    """How options stand in JSON."""
    return [
        (json.dumps(text, ensure_ascii=ascii).encode(), option)
        for text, option in _spellings(choice).items()
        for ascii in (True, False)
    ]


def _spellings(choice: Choice) -> dict[str, int]:
    texts = [text for text, _ in choice.options]
    found = {text: option for option, text in enumerate(texts)}
    for option, text in enumerate(texts):
        for other in sorted(other_spellings(text, texts)):
            found.setdefault(other, option)
    return found
