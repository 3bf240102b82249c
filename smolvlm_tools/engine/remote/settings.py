"""What is said about a server: its address, the model, how patient to be."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...errors import BadOptions

BACKEND = "remote"
URL_VARIABLE = "SMOLVLM_BASE_URL"
KEY_VARIABLE = "SMOLVLM_API_KEY"

OF_SERVERS = ("base_url", "api_key", "timeout", "retries")
"""Keywords of `SmolVLM.load` about a server, for which there is nothing to plan."""

_OF_LOCAL: Mapping[str, tuple[object, str]] = {
    "precision": ("auto", "the server has loaded its weights"),
    "device": ("auto", "the server computes where it was started"),
    "resolution": ("auto", "the server cuts the images itself"),
    "memory_budget": (None, "the server's memory is not this process's"),
    "revision": (None, "the server has loaded its weights"),
    "local_files_only": (False, "a server is asked over the network"),
    "cache": (True, "the server keeps what it likes"),
    "threads": (None, "the server computes"),
    "tune": (False, "the server computes"),
    "adapter": (None, "the server has loaded its weights"),
    "calibration": (None, "calibrations hold for local engines"),
}
"""Keywords of `SmolVLM.load` that say how weights are loaded: their defaults, and why not."""


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """A checked description of a server.

    Attributes:
        model: its name there.
        base_url: to which "/chat/completions" is appended; no slash at its end.
        timeout: most seconds without anything new from the server.
        retries: how often a refused or failed call is tried again.
    """

    model: str
    base_url: str
    api_key: SecretStr | None = field(repr=False)
    timeout: float
    retries: int

    @classmethod
    def of(
        cls,
        model: object,
        base_url: str | None,
        api_key: SecretStr | None = None,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> RemoteSettings:
        """Check them; what is None comes from the environment or is the default.

        Raises:
            BadOptions: no address, or an impossible one, or an impossible value.
        """
        if not isinstance(model, str) or not model.strip():
            raise BadOptions(
                f"{str(model)!r:.80} is not the name of a model on a server",
                "Give the name as the server lists it at /v1/models.",
            )
        return cls(
            model,
            _parse_url(base_url or os.environ.get(URL_VARIABLE)),
            _parse_key(api_key),
            _parse_seconds(120.0 if timeout is None else timeout),
            _parse_retries(3 if retries is None else retries),
        )

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


def cannot_plan() -> BadOptions:
    """What planning a request to a server raises."""
    return BadOptions(
        "the server cuts the images itself, so what a request takes cannot be planned here",
        "Plan with the same checkpoint and a local backend.",
    )


def refuse_local_options(given: Mapping[str, Any]) -> None:
    """Refuse keywords of `SmolVLM.load` that are about weights in this process.

    Raises:
        BadOptions: it names the first that is not at its default.
    """
    for name, (default, why) in _OF_LOCAL.items():
        if name in given and given[name] != default:
            raise BadOptions(
                f"`{name}={given[name]!r:.60}` does not go with `backend='{BACKEND}'`: {why}",
                "Leave it out.",
            )


def refuse_remote_options(given: Mapping[str, Any]) -> None:
    """Refuse what is said about a server where none is asked.

    Raises:
        BadOptions: it names the first that is given.
    """
    for name, value in given.items():
        if value is not None:
            raise BadOptions(
                f"`{name}` is about a server, but the model would run in this process",
                f"Add `backend='{BACKEND}'`, or leave `{name}` out.",
            )


def _parse_url(url: str | None) -> str:
    if not url:
        raise BadOptions(
            f"`backend='{BACKEND}'` needs the server's address",
            f"Give `base_url='http://127.0.0.1:8080/v1'`, or set {URL_VARIABLE}.",
        )
    remedy = "Use an address such as http://127.0.0.1:8080/v1."
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadOptions("`base_url` is not a valid URL", remedy) from None
    if parts.username is not None or parts.password is not None:
        raise BadOptions(
            "`base_url` carries a user name or password",
            f"Remove what is before '@'; a key belongs into {KEY_VARIABLE}.",
        )
    if parts.query or parts.fragment:
        raise BadOptions("`base_url` has a query or a fragment", remedy)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _is_plain(url):
        raise BadOptions(f"`base_url` {url!r:.100} is not an http(s) URL", remedy)
    return url.rstrip("/")


def _is_plain(url: str) -> bool:
    return url.isprintable() and " " not in url


def _parse_key(key: object) -> SecretStr | None:
    if key is None:
        found = os.environ.get(KEY_VARIABLE)
        key = SecretStr(found) if found else None
    if key is None:
        return None
    if not isinstance(key, SecretStr):
        raise BadOptions(
            "`api_key` is plain text, which logs and representations would show",
            f"Set {KEY_VARIABLE}, or pass a `pydantic.SecretStr`.",
        )
    text = key.get_secret_value()
    if not text or not text.isascii() or not text.isprintable():
        raise BadOptions("the API key is empty, or not printable ASCII", "Correct the key.")
    return key


def _parse_seconds(timeout: object) -> float:
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        if math.isfinite(timeout) and timeout > 0:
            return float(timeout)
    raise BadOptions(f"`timeout={timeout!r:.40}` is not a number of seconds", "Use one above 0.")


def _parse_retries(retries: object) -> int:
    if isinstance(retries, int) and not isinstance(retries, bool) and 0 <= retries <= 20:
        return retries
    raise BadOptions(f"`retries={retries!r:.40}` is not a number of retries", "Use 0 to 20.")
