"""A server's `/chat/completions` over HTTP: retries, limits, and errors with types."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from ...errors import (
    BadOptions,
    ModelNotFound,
    RemoteFailed,
    RemoteTimeout,
    SchemaNotSupported,
    SmolVLMError,
)
from .calls import Patience
from .settings import KEY_VARIABLE, RemoteSettings
from .sse import bounded, events
from .wire import Body, Piece, droppable, error_text, piece_of, quote

_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_MOST_PATIENCE = 60.0
"""Seconds; a server that asks for more in Retry-After is not waited for."""
_CONNECT = 10.0
_ERROR_BYTES = 1 << 16
_MOST_TOKENS = 1 << 15
_PER_TOKEN, _BASE_BYTES = 1 << 14, 1 << 20
_ABOUT_THE_SCHEMA = re.compile(r"schema|grammar|regex|pattern", re.IGNORECASE)


class Endpoint:
    """One server. Used in one event loop."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        try:
            httpx2.URL(settings.base_url)
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise BadOptions(
                f"`base_url` {settings.base_url!r:.100} is not a valid URL ({_why(error)})",
                "Use an address such as http://127.0.0.1:8080/v1.",
            ) from None
        self._refused: set[str] = set()
        key = settings.api_key
        headers = {"Accept-Encoding": "identity", "User-Agent": "smolvlm-tools"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(
                None, connect=min(_CONNECT, settings.timeout), write=settings.timeout
            ),
            limits=httpx2.Limits(max_connections=None),
            follow_redirects=False,
            trust_env=not settings.is_loopback,  # a proxy would look for its own loopback
        )

    @property
    def enforces_schemas(self) -> bool:
        """Whether the server has not said that it knows no `response_format`."""
        return "response_format" not in self._refused

    async def close(self) -> None:
        await self._client.aclose()

    async def pieces(self, body: Body, patience: Patience) -> AsyncGenerator[Piece]:
        """Ask for a reply; what comes of it, until its end.

        Args:
            patience: is told of all that comes, and of waiting on purpose.

        Raises:
            RemoteFailed: see there; nothing more is tried.
            ModelNotFound: the server does not have the model.
            SchemaNotSupported: it refuses the answer's schema.
        """
        most = _BASE_BYTES + _PER_TOKEN * int(body.get("max_tokens", _MOST_TOKENS))
        try:
            async with self._response(body, patience) as response:
                patience.touch()
                if _content_type(response) == "application/json":
                    yield piece_of(await _text(response, most))
                    return
                ended = False
                async with aclosing(_events(response, most, patience)) as found:
                    async for event in found:
                        if event.strip() == "[DONE]":
                            break
                        piece = piece_of(event)
                        ended = ended or piece.finish_reason is not None
                        yield piece
                if not ended:
                    raise _broken_off("its stream ended before the reply did")
        except httpx2.HTTPError as error:
            raise _broken_off(_why(error)) from error

    @asynccontextmanager
    async def _response(self, body: Body, patience: Patience) -> AsyncGenerator[httpx2.Response]:
        """The server's answer with status 200, after retries."""
        failures = 0
        while True:
            left_out = self._refused.intersection(droppable(body))
            sent = {name: value for name, value in body.items() if name not in left_out}
            url = f"{self._settings.base_url}/chat/completions"
            request = self._client.build_request("POST", url, json=sent)
            patience.touch()
            try:
                response = await self._client.send(request, stream=True)
            except httpx2.HTTPError as error:
                failures += 1
                if failures > self._settings.retries or not _may_pass(error):
                    raise self._unreachable(error) from error
                await _wait(_backoff(failures), patience)
                continue
            try:
                if response.status_code == 200:
                    _check_form(response)
                    yield response
                    return
                message = await _error_message(response)
                if self._learns_from(response.status_code, message, sent):
                    continue
                failures += 1
                wait = _retry_after(response)
                wait = _backoff(failures) if wait is None else wait
                retries = failures <= self._settings.retries and wait <= _MOST_PATIENCE
                if response.status_code not in _AGAIN or not retries:
                    raise self._refusal(response.status_code, message, sent)
            finally:
                await response.aclose()
            await _wait(wait, patience)

    def _learns_from(self, status: int, message: str, sent: Body) -> bool:
        """Whether the server complained about fields that can be left out; they are from now on."""
        if status not in (400, 422):
            return False
        if "response_format" in sent and _ABOUT_THE_SCHEMA.search(message):
            return False
        named = {name for name in droppable(sent) if re.search(rf"\b{name}\b", message)}
        self._refused |= named
        return bool(named)

    def _refusal(self, status: int, message: str, sent: Body) -> SmolVLMError:
        said, model = quote(message), quote(self._settings.model)
        if status in (401, 403):
            remedy = f"Set {KEY_VARIABLE} to a key that it accepts."
            return RemoteFailed(f"the server refuses the API key ({status})", remedy, status)
        if status == 404:
            return ModelNotFound(
                f"the server has no model {model}, or no chat completions there: {said}",
                "Compare the name with the server's /v1/models, and `base_url` with its manual.",
            )
        if status in (400, 422) and "response_format" in sent and _ABOUT_THE_SCHEMA.search(message):
            return SchemaNotSupported(
                f"the server cannot enforce the answer's schema: {said}",
                "Use a simpler schema or pattern.",
                "schema",
            )
        if status in _AGAIN:
            remedy = "Try again later, or ask for fewer things at once. Or raise `retries`."
            return RemoteFailed(f"the server is busy or down ({status}): {said}", remedy, status)
        if 300 <= status < 400:
            remedy = "Give the address that it redirects to as `base_url`."
            return RemoteFailed(f"the server redirects ({status})", remedy, status)
        remedy = "Correct what it complains about, or look into its log."
        return RemoteFailed(f"the server refused the request ({status}): {said}", remedy, status)

    def _unreachable(self, error: httpx2.HTTPError) -> RemoteFailed:
        kind = RemoteTimeout if isinstance(error, httpx2.TimeoutException) else RemoteFailed
        return kind(
            f"the server at {self._settings.base_url} cannot be reached ({_why(error)})",
            "Start it, or correct `base_url`.",
        )


def _may_pass(error: httpx2.HTTPError) -> bool:
    """Whether a failure before any answer may be gone at the next try."""
    kinds = (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.TimeoutException)
    return isinstance(error, kinds)


async def _events(response: httpx2.Response, most: int, patience: Patience) -> AsyncGenerator[str]:
    async for event in events(response.aiter_raw(), most):
        patience.touch()
        yield event


def _content_type(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_form(response: httpx2.Response) -> None:
    kind = _content_type(response)
    encoding = response.headers.get("content-encoding", "identity").lower()
    if kind not in ("text/event-stream", "application/json") or encoding != "identity":
        what = f"{kind or 'an unknown type'}, encoding {encoding}"
        raise RemoteFailed(
            f"the server answered with {quote(what)} instead of an event stream",
            "Check that `base_url` is that of an OpenAI-compatible API.",
        )


async def _text(response: httpx2.Response, most: int) -> str:
    data = b"".join([chunk async for chunk in bounded(response.aiter_raw(), most)])
    return data.decode("utf-8", "replace")


async def _error_message(response: httpx2.Response) -> str:
    """What an answer that is an error says."""
    data = b""
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > _ERROR_BYTES:
            break
    text = data[:_ERROR_BYTES].decode("utf-8", "replace")
    try:
        return error_text(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _backoff(failures: int) -> float:
    """Seconds before the next try: doubled each time, the last half of it at random."""
    most = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (failures - 1))
    return most * random.uniform(0.5, 1.0)


async def _wait(seconds: float, patience: Patience) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        patience.touch()  # the waiting is ours, not the server's
        await asyncio.sleep(min(left, 0.05))
    patience.touch()


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, section 10.2.3); None if it does not."""
    text = response.headers.get("retry-after", "")
    if text.strip().isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _broken_off(why: str) -> RemoteFailed:
    return RemoteFailed(
        f"the server broke off ({why})", "Ask again, and look into the server's log."
    )


def _why(error: Exception) -> str:
    return quote(str(error) or type(error).__name__).strip("'\"")
