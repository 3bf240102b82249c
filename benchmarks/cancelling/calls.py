"""Calls of the MCP server's tools as messages, in both eras of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smolvlm_mcp.cards import Cards
from smolvlm_mcp.server import make_server

from benchmarks.cancelling.asking import NUMBERS, SHORT, TOOL, long_call
from smolvlm_tools.tools import Toolbox

OLD, NEW = "2025-11-25", "2026-07-28"
HELLO: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": OLD,
        "capabilities": {},
        "clientInfo": {"name": "cancels", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_NEW_META = {
    "io.modelcontextprotocol/protocolVersion": NEW,
    "io.modelcontextprotocol/clientInfo": {"name": "cancels", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def server_of(toolbox: Toolbox) -> Any:
    """An MCP server over a toolbox."""
    cards = Cards("embedded", lambda: toolbox.loaded, toolbox.store, "Images are accepted.")
    return make_server(toolbox, cards)


def call(name: str, arguments: Mapping[str, Any], era: str = OLD) -> dict[str, Any]:
    """A call of a tool, with a number that no other has."""
    number = next(NUMBERS)
    meta = {"progressToken": number, **(_NEW_META if era == NEW else {})}
    params = {"name": name, "arguments": arguments, "_meta": meta}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def slow(image: str, era: str = OLD) -> dict[str, Any]:
    """A call whose answer is long."""
    return call(TOOL, long_call(image), era)


def short(image: str, era: str = OLD) -> dict[str, Any]:
    """A call whose answer is short."""
    return call("describe_image", {"image": image, **SHORT}, era)


def cancelled(message: Mapping[str, Any], era: str = OLD) -> dict[str, Any]:
    """Says that the answer to a call is no longer wanted."""
    params: dict[str, Any] = {"requestId": message["id"]}
    if era == NEW:
        params["_meta"] = _NEW_META
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


def text_of(answer: Mapping[str, Any]) -> str:
    """The text that the tool has given.

    Raises:
        RuntimeError: it was refused.
    """
    result = answer.get("result", {})
    if result.get("isError", True):
        raise RuntimeError(f"a good call failed: {answer}")
    return result["structuredContent"]["text"]
