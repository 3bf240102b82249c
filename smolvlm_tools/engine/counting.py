"""How many tokens a prompt has, before the model runs."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Unpack

from ..prompt.request import RequestOptions
from ..types import MessageLike
from .conversations import Conversations
from .pipeline import Pipeline


class Counting(Conversations):
    """Counts with the tokenizer and the image rules that the engine itself has."""

    _pipeline: Pipeline

    def count_tokens(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> int:
        """Tokens of a conversation's prompt, images and markers included; the model does not run.

        As `Usage.prompt_tokens` will say, unless memory makes the engine cut images coarser. There
        may be more than the context holds. Images are read and documents opened for it.

        Args:
            messages, options: see `generate`.

        Raises:
            InputError: what is wrong with the request.
        """
        return self._pipeline.layouter.count_tokens(self._request(messages, options, None))

    def encode(self, text: str) -> list[int]:
        """The tokens of a text by itself.

        Raises:
            BadPrompt: the vocabulary cannot represent it.
        """
        return self._pipeline.layouter.encode(text)
