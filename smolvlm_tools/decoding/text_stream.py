"""Token ids → the text that is certain so far."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from ..unsafe import UNSAFE


class TextStream:
    """Decodes a reply token by token.

    Text is held back while it may still change: half a UTF-8 sequence, the beginning of a stop
    text, white space that may turn out to be the end. White space around the reply and control
    characters are left out. The pieces returned by `push` and `finish` join to the reply.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._ids: list[int] = []
        self._decoded = 0  # characters of the raw text seen so far
        self._held = ""
        self._begun = False
        self.stopped = False

    def push(self, token_id: int) -> str:
        """Add a token; return the text that became certain."""
        self._ids.append(token_id)
        piece = self._decoder.step(self._tokenizer, token_id) or ""
        return self._add(piece)

    def finish(self) -> str:
        """No more tokens will come; return the rest of the text."""
        whole = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        certain = self._add(whole[self._decoded :])
        rest = "" if self.stopped else self._emit(self._held.rstrip())
        self._held = ""
        return certain + rest

    def _add(self, piece: str) -> str:
        if self.stopped:
            return ""
        self._decoded += len(piece)
        self._held += UNSAFE.sub("", piece)
        ends = [at for at in map(self._held.find, self._stop) if at >= 0]
        if ends:
            self.stopped = True
            return self._emit(self._held[: min(ends)].rstrip())
        certain = self._held[: len(self._held) - self._stop_prefix()].rstrip()
        self._held = self._held[len(certain) :]
        return self._emit(certain)

    def _stop_prefix(self) -> int:
        """Length of the longest end of the held text that could begin a stop text."""
        return max(
            (
                length
                for stop in self._stop
                for length in range(1, min(len(stop), len(self._held) + 1))
                if self._held.endswith(stop[:length])
            ),
            default=0,
        )

    def _emit(self, text: str) -> str:
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text
