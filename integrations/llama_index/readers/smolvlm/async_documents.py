"""What `alazy_load_data` returns: LlamaIndex awaits it, and only `async for` can be lazy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

from llama_index.core.schema import Document


class AsyncDocuments:
    """Documents that come one by one to `async for`, and all together to `await`."""

    def __init__(
        self,
        iterate: Callable[[], AsyncIterator[Document]],
        load: Callable[[], Awaitable[list[Document]]],
    ) -> None:
        self._iterate, self._load = iterate, load

    def __aiter__(self) -> AsyncIterator[Document]:
        return self._iterate()

    def __await__(self) -> Generator[Any, None, list[Document]]:
        return self._load().__await__()
