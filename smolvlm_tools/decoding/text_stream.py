"""Tokens, or pieces of text → the text that is certain so far."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from ..unsafe import UNSAFE


class CertainText:
    """A reply's text, piece by piece.

    Text is held back while it may still change: the beginning of a stop text, white space that may
    turn out to be the end. White space around the reply and control characters are left out. The
    pieces returned by `add` and `finish` join to the reply.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(stop)
        self._held = ""
        self._begun = False
        self.stopped = False

    def add(self, piece: str) -> str:
        """Add a piece; return the text that became certain."""
        if self.stopped:
            return ""
        self._held += UNSAFE.sub("", piece)
        ends = [at for at in map(self._held.find, self._stop) if at >= 0]
        if ends:
            self.stopped = True
            return self._emit(self._held[: min(ends)].rstrip())
        certain = self._held[: len(self._held) - self._stop_prefix()].rstrip()
        self._held = self._held[len(certain) :]
        return self._emit(certain)

    def finish(self) -> str:
        """No more pieces will come; return the rest of the text."""
        rest = "" if self.stopped else self._emit(self._held.rstrip())
        self._held = ""
        return rest

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


class TextStream:
    """Decodes a reply token by token; see `CertainText`. Half a UTF-8 sequence is held back."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._ids: list[int] = []
        self._decoded = 0  # characters of the raw text seen so far
        self._text = CertainText(stop)

    @property
    def stopped(self) -> bool:
        """Whether a stop text came."""
        return self._text.stopped

    def push(self, token_id: int) -> str:
        """Add a token; return the text that became certain."""
        self._ids.append(token_id)
        return self._add(self._decoder.step(self._tokenizer, token_id) or "")

    def finish(self) -> str:
        """No more tokens will come; return the rest of the text."""
        whole = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        return self._add(whole[self._decoded :]) + self._text.finish()

    def _add(self, piece: str) -> str:
        self._decoded += len(piece)
        return self._text.add(piece)
