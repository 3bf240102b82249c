"""Which Host and Origin headers are served: read whole by their grammar, and compared exactly.

    Host    name[:port]               RFC 9110, 7.2
    Origin  scheme://name[:port]      RFC 6454, 7.1, without "null"

Anything else (user names, paths, spaces, a second header) is refused, since a reader that took only
the start or the end of it would take `127.0.0.1:80@evil.example` for this machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smolvlm_tools.errors import BadOptions

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ANY = -1
"""In a list of what is allowed: whatever port, or none."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_SPLIT = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(\*|[0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]{0,30})://(.+)", re.ASCII)

Host = tuple[str, "int | None"]
"""A name in lower case, IPv6 in brackets and its shortest form; and the port, None if not given."""
Origin = tuple[str, Host]
"""A scheme, and the host."""


def parse_host(text: str, *, any_port: bool = False) -> Host | None:
    """Read "name[:port]", or None if it is anything else; with `any_port` the port may be "*"."""
    found = _SPLIT.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    name, port = found.groups()
    if name.startswith("["):
        try:
            name = f"[{ipaddress.IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
    elif not _NAME.fullmatch(name):
        return None
    if port is None:
        return name, None
    if port == "*":
        return (name, ANY) if any_port else None
    return (name, int(port)) if int(port) <= 65535 else None


def parse_origin(text: str, *, any_port: bool = False) -> Origin | None:
    """Read "scheme://name[:port]", or None if it is anything else; see `parse_host`."""
    found = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    host = parse_host(found[2], any_port=any_port) if found else None
    return (found[1], host) if found and host else None


@dataclass(frozen=True, slots=True)
class Allowed:
    """The hosts and origins that are served."""

    hosts: frozenset[Host]
    origins: frozenset[Origin]

    @classmethod
    def of(cls, hosts: Iterable[str], origins: Iterable[str]) -> Allowed:
        """From texts whose port may be "*".

        Raises:
            BadOptions: one of them is not of the form.
        """
        return cls(frozenset(map(_host, hosts)), frozenset(map(_origin, origins)))

    def refuses_host(self, values: Sequence[str]) -> bool:
        """Whether a request with these Host headers is for somebody else."""
        host = parse_host(values[0]) if len(values) == 1 else None
        return host is None or not _among(host, self.hosts)

    def refuses_origin(self, values: Sequence[str]) -> bool:
        """Whether a request with these Origin headers comes from a foreign page."""
        if not values:  # not from a page, or from one of this server
            return False
        origin = parse_origin(values[0]) if len(values) == 1 else None
        if origin is None:
            return True
        scheme, (name, _) = origin
        return origin not in self.origins and (scheme, (name, ANY)) not in self.origins


def _among(host: Host, allowed: frozenset[Host]) -> bool:
    return host in allowed or (host[0], ANY) in allowed


def _host(text: str) -> Host:
    host = parse_host(text, any_port=True)
    if host is None:
        raise BadOptions(
            f"--allow-host {text!r} is not HOST, HOST:PORT or HOST:*",
            "Write it as clients call the server, such as eyes.example:8000.",
        )
    return host


def _origin(text: str) -> Origin:
    origin = parse_origin(text, any_port=True)
    if origin is None:
        raise BadOptions(
            f"--allow-origin {text!r} is not SCHEME://HOST, SCHEME://HOST:PORT or SCHEME://HOST:*",
            "Write it as browsers send it, such as https://eyes.example, without a path.",
        )
    return origin
