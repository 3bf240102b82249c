"""Looks token ids up in the token table.

A table above `INLINE_LIMIT` is mapped, and each row that is read brings the 64 kB around it into
the process's memory. So the rows of a long prompt are read in pieces, and the pages of a piece are
let go before the next.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import TokenIds
from ...errors import ModelError
from ...machine.mapped_pages import forget_pages, is_unwritten
from .files import data_file
from .session import releasing, runtime_errors

PIECE, READ_AHEAD = 64, 65_536
"""Rows between two letting go, and bytes of the file that each makes resident: 4 MB at most."""


class TokenTable:
    """One `embed_tokens` session."""

    def __init__(self, session: Any, path: Path, device: str) -> None:
        self._session: Any = session
        data = data_file(path)
        unwritten = device == "cpu" and data.is_file() and is_unwritten(data)
        self._mapped = data if unwritten else None
        self._releasing = releasing(device)
        self._read = 0

    def rows(self, token_ids: TokenIds) -> NDArray[np.floating[Any]]:
        """Of ids (L,): (L, hidden)."""
        ids = np.ascontiguousarray(token_ids, np.int64)
        if self._mapped is None or ids.size <= PIECE:
            return self._look_up(ids)
        pieces = [self._look_up(ids[at : at + PIECE]) for at in range(0, ids.size, PIECE)]
        return np.concatenate(pieces)

    def close(self) -> None:
        """Free the table."""
        self._session = None

    def _look_up(self, ids: TokenIds) -> NDArray[np.floating[Any]]:
        options = self._releasing if ids.size > 1 else None
        try:
            found = self._session.run(None, {"input_ids": ids[None]}, options)[0][0]
        except runtime_errors() as error:
            raise ModelError(
                f"embed_tokens failed ({str(error)[:300]})",
                "Export the checkpoint again, or use another precision or backend.",
            ) from error
        self._read += ids.size
        if self._mapped is not None and self._read >= PIECE:
            self._read = 0
            forget_pages(self._mapped, writable=True)
        return found
