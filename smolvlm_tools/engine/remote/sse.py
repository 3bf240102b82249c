"""Bytes of a server-sent event stream → the data of its events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ...errors import RemoteFailed


async def events(chunks: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[str]:
    """The data of each event; comments and other fields are left out.

    Raises:
        RemoteFailed: more than `most_bytes` came.
    """
    data: list[str] = []
    async for line in _lines(chunks, most_bytes):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" ").decode("utf-8", "replace"))
        elif not line and data:
            yield "\n".join(data)
            data.clear()
    if data:  # servers that close behind their last event
        yield "\n".join(data)


async def _lines(chunks: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in bounded(chunks, most_bytes):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest


async def bounded(chunks: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """The same chunks.

    Raises:
        RemoteFailed: more than `most_bytes` came.
    """
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > most_bytes:
            raise RemoteFailed(
                f"the server sent more than {most_bytes:,} bytes in answer to one request",
                "Look into the server's log; such a reply is not read to its end.",
            )
        yield chunk
