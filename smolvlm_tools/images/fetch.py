"""Downloads an http(s) URL under one deadline and one limit on bytes.

Redirects are followed here, one checked request at a time. Every connection passes through
`_Network.connect_tcp`, which resolves the host once, has `addresses` check the result and connects
to no other address. Compressed transfer is neither requested nor accepted, so the bytes counted
are the bytes there are. Proxies named in the environment are not used, because they would connect
on their own. Every wait ends soon once the image is no longer wanted (see `machine.stopping`).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import httpcore2
import httpx2

from ..errors import FetchFailed, SmolVLMError, UrlNotAllowed
from ..machine.stopping import check_stopped
from .addresses import Address, resolve, resolve_public
from .deadline import LOOK_SECONDS, Deadline
from .encodings import abbreviate
from .policy import ImagePolicy

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BROKEN = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError)
_RETRY = "Check the URL, or download the file and pass its path."


def fetch_url(url: str, policy: ImagePolicy) -> bytes:
    """Download an image; raises as `load_image`."""
    name = abbreviate(url, 200)
    if not policy.allow_urls:
        raise UrlNotAllowed(
            f"fetching {name!r} is switched off",
            "Pass a file or its bytes, or allow URLs: policy=ImagePolicy.agent().",
        )
    deadline = Deadline(policy.url_timeout, name)
    current = _parse(url, name)
    try:
        for _ in range(policy.max_redirects + 1):
            check_stopped()
            with httpcore2.ConnectionPool(network_backend=_Network(deadline, policy)) as pool:
                answer = _get(pool, current, policy, name)
            if isinstance(answer, bytes):
                return answer
            current = _parse(answer, name, current)
    except httpcore2.TimeoutException as error:
        raise deadline.error() from error
    except _BROKEN as error:
        raise FetchFailed(f"{name!r} could not be fetched ({error})", _RETRY) from error
    raise FetchFailed(f"{name!r} redirects more than {policy.max_redirects} times", _RETRY)


def _parse(url: str, name: str, base: httpx2.URL | None = None) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url) if base is None else base.join(url)
    except (httpx2.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise UrlNotAllowed(f"{name!r} is not a valid URL ({error})", _RETRY) from error
    if parsed.scheme not in ("http", "https"):
        raise UrlNotAllowed(
            f"{name!r} leads to the scheme {parsed.scheme!r}", "Only http and https are fetched."
        )
    if not parsed.host or not (parsed.port is None or 0 < parsed.port < 65536):
        raise UrlNotAllowed(f"{name!r} has no host, or an impossible port", _RETRY)
    if parsed.userinfo:
        raise UrlNotAllowed("the URL carries a user name or password", "Remove what is before '@'.")
    return parsed


def _get(
    pool: httpcore2.ConnectionPool, url: httpx2.URL, policy: ImagePolicy, name: str
) -> bytes | str:
    """One request: the body, or the address it redirects to."""
    target = httpcore2.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    headers = [
        (b"Host", url.netloc),
        (b"Accept", b"image/*"),
        (b"Accept-Encoding", b"identity"),
        (b"User-Agent", b"smolvlm-tools"),
    ]
    with pool.stream("GET", target, headers=headers) as response:
        answered = {key.lower(): value for key, value in response.headers}
        location = answered.get(b"location")
        if response.status in _REDIRECTS and location:
            return location.decode("latin-1")
        if response.status != 200:
            raise FetchFailed(f"{name!r} answered with status {response.status}", _RETRY)
        encoding = answered.get(b"content-encoding", b"identity").lower()
        if encoding != b"identity":
            raise FetchFailed(f"{name!r} sends compressed content, unrequested", _RETRY)
        return _read_body(response, answered.get(b"content-length", b""), policy, name)


def _read_body(
    response: httpcore2.Response, declared: bytes, policy: ImagePolicy, name: str
) -> bytes:
    too_large = policy.too_many_bytes(f"{name!r} sends too many bytes")
    if declared.isdigit() and int(declared) > policy.max_bytes:
        raise too_large
    body = bytearray()
    for part in response.iter_stream():
        body += part
        if len(body) > policy.max_bytes:
            raise too_large
    return bytes(body)


class _Network(httpcore2.NetworkBackend):
    """Sockets to addresses that the policy allows; every operation ends at the deadline."""

    def __init__(self, deadline: Deadline, policy: ImagePolicy) -> None:
        self._deadline = deadline
        self._policy = policy
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host!r} has no address")
        for address in self._look_up(host, port):
            left = self._deadline.left()
            connect = partial(
                self._sockets.connect_tcp, str(address), port, left, local_address, socket_options
            )  # with the checked address, so that nothing is looked up again
            try:
                stream = self._deadline.wait(connect, _close)
            except httpcore2.ConnectError as error:
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure

    def _look_up(self, host: str, port: int) -> list[Address]:
        """The host's addresses; the system's resolver has no timeout."""
        lookup = resolve_public if self._policy.public_addresses_only else resolve
        try:
            return self._deadline.wait(partial(lookup, host, port))
        except SmolVLMError:
            raise
        except Exception as error:  # resolvers raise ValueError, UnicodeError, … for odd names
            raise FetchFailed(
                f"the host {host[:200]!r} could not be resolved ({error})", "Check the URL's host."
            ) from error


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            try:
                return self._stream.read(max_bytes, min(self._deadline.left(), LOOK_SECONDS))
            except httpcore2.ReadTimeout:
                check_stopped()

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._deadline.left()
        plain: socket.socket = self._stream.get_extra_info("socket")
        with plain.dup() as connection:  # the handshake takes the connection out of `plain`
            try:
                shake = partial(self._stream.start_tls, ssl_context, server_hostname, left)
                stream = self._deadline.wait(shake, _close)
            except BaseException:  # ends the thread, if it is still there
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                raise
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _close(stream: httpcore2.NetworkStream) -> None:
    stream.close()
