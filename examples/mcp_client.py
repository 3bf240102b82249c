"""Talk to the MCP server as an agent's host does: over stdio, and over HTTP with a token.

    python examples/mcp_client.py

Needs `pip install '.[mcp]'`. The client is the official SDK's; the model is the one
that ships with the package.
"""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

FOLDER = Path(__file__).resolve().parent / "images"
SERVER = ["-m", "smolvlm_mcp", "--model", "embedded"]


async def over_stdio() -> None:
    """The host starts the server, in the folder whose images it may read."""
    server = StdioServerParameters(
        command=sys.executable, args=SERVER, cwd=FOLDER, env=dict(os.environ)
    )
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        print("tools:", ", ".join(tool.name for tool in tools))
        assert all(tool.output_schema and tool.annotations for tool in tools)

        # Load once; the handle stands for the image from now on.
        loaded = await client.call_tool("load_image", {"image": "shapes.png"})
        handle = loaded.structured_content["handle"]

        # The first call that needs the model loads it, and says so.
        told: list[str] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            told.append(f"{progress:.0f} of {total:.0f}: {message}")

        described = await client.call_tool("describe_image", {"image": handle}, None, note)
        print("\n".join(told))
        print(described.content[0].text)
        assert told[0].endswith("loading the model") and "writing" in told[-1]
        assert "red circle" in described.structured_content["text"]

        # A typed answer has its type; an error says what to do about it.
        counted = await ask(client, handle, "How many shapes are there?", "integer")
        assert counted == 3
        refused = await client.call_tool("load_image", {"image": "/etc/passwd"})
        print(refused.content[0].text)
        assert refused.is_error and refused.content[0].text.startswith("path_not_allowed")

        card = (await client.read_resource("smolvlm://model")).contents[0].text
        assert "Out of scope" in card
        prompt = await client.get_prompt("alt_text", {"image": handle})
        assert "describe_image" in prompt.messages[0].content.text


async def over_http(url: str, token: str) -> None:
    """The server runs elsewhere: images travel as data URIs, once."""
    async with httpx2.AsyncClient() as stranger:
        assert (await stranger.post(url, json={})).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            pixels = base64.b64encode((FOLDER / "shapes.png").read_bytes()).decode()
            loaded = await client.call_tool(
                "load_image", {"image": f"data:image/png;base64,{pixels}"}
            )
            handle = loaded.structured_content["handle"]
            color = await ask(client, handle, "What color is the circle?", "text")
            print("over HTTP: the circle is", color)
            assert color == "red"


async def ask(client: Client, handle: str, question: str, answer_type: str) -> Any:
    """The value of an answer."""
    arguments = {"image": handle, "question": question, "answer_type": answer_type}
    result = await client.call_tool("answer_question", arguments)
    return result.structured_content["value"]


@contextmanager
def http_server(token: str) -> Iterator[str]:
    """The server on a free port; gives its URL."""
    command = [sys.executable, *SERVER, "--http", "127.0.0.1:0"]
    environment = {**os.environ, "SMOLVLM_MCP_TOKEN": token}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        yield server.stderr.readline().split()[-1]  # "serving MCP on http://127.0.0.1:PORT/mcp"
        server.terminate()


def main() -> None:
    """Both transports."""
    anyio.run(over_stdio)
    token = secrets.token_urlsafe(32)
    with http_server(token) as url:
        anyio.run(over_http, url, token)


if __name__ == "__main__":
    main()
