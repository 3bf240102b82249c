"""What the clients of `smolvlm serve` say."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import openai
import pytest

from tests.support.gated import PATIENCE
from tests.support.paths import SHAPES

DATA = "data:image/png;base64," + base64.b64encode(SHAPES.read_bytes()).decode()
COUNT = {
    "type": "object",
    "properties": {"count": {"type": "integer"}},
    "required": ["count"],
    "additionalProperties": False,
}

CLIENT = httpx2.Client(timeout=PATIENCE, limits=httpx2.Limits(max_keepalive_connections=0))
"""Makes a connection for each request, but is itself made once, which takes longer."""


def openai_client(url: str, token: str = "none", **options: Any) -> openai.OpenAI:
    """OpenAI's client, which gives up at once where a test is to see why."""
    return openai.OpenAI(
        base_url=f"{url}/v1", api_key=token, max_retries=0, timeout=PATIENCE, **options
    )


def looking(text: str, *images: str) -> dict[str, Any]:
    """A message of chat completions with images before its text."""
    parts = [{"type": "image_url", "image_url": {"url": image}} for image in images]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def post(url: str, path: str, body: Any, **headers: str) -> httpx2.Response:
    """Send JSON as a client without a library."""
    return CLIENT.post(url + path, json=body, headers=headers)


def get(url: str, path: str, **headers: str) -> httpx2.Response:
    """Ask as a client without a library."""
    return CLIENT.get(url + path, headers=headers)


def near(figures: Any) -> Any:
    """Equal but for the last bits, which depend on whether a prompt's beginning was kept."""
    return pytest.approx(figures, abs=1e-4)
