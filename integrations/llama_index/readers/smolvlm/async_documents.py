"""Documents for both of LlamaIndex's ways to load in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

from llama_index.core.schema import Document


@dataclass(frozen=True)
class AsyncDocuments:
    """Documents that come one by one to `async for`, and all together to `await`.

    LlamaIndex awaits what `alazy_load_data` returns, and only `async for` can be lazy.
    """

    iterate: Callable[[], AsyncIterator[Document]]
    load: Callable[[], Awaitable[list[Document]]]

    def __aiter__(self) -> AsyncIterator[Document]:
        return self.iterate()

    def __await__(self) -> Generator[Any, None, list[Document]]:
        return self.load().__await__()
