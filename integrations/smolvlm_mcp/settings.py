"""The server's settings, from flags and the environment.

A flag wins over its variable, which is `SMOLVLM_MCP_` and the field's name: `SMOLVLM_MCP_TOKEN`.
Lists are separated by commas, folders as in PATH. An empty variable counts as unset, since clients
set the variables of fields that a user left blank; but an empty ROOTS means no folder, and an empty
TOKEN is refused on HTTP: neither may silently open more than was meant.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from smolvlm_tools.errors import BadOptions

from .origins import Allowed

PREFIX = "SMOLVLM_MCP_"
HTTP_ONLY = (
    *("token", "allowed_hosts", "allowed_origins", "max_connections", "max_sessions"),
    *("head_timeout", "body_timeout", "idle_timeout", "session_timeout"),
)
"""Settings that nothing asks for on stdio."""


def _names(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [name.strip() for name in value.split(",") if name.strip()]


def _folders(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [folder for folder in value.split(os.pathsep) if folder]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Folders = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_folders)]


class Settings(BaseSettings):
    """How to serve; docs/mcp.md explains each setting."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )
    command: ClassVar = "smolvlm mcp"
    by_flag: ClassVar[dict[str, str]] = {
        "root": "roots",
        "allow_host": "allowed_hosts",
        "allow_origin": "allowed_origins",
    }
    """Names of settings that differ from their flag's."""

    model: str = Field(
        default="256m",
        min_length=1,
        validation_alias=AliasChoices("model", f"{PREFIX}MODEL", "SMOLVLM_MODEL"),
    )
    backend: str = "auto"
    base_url: str | None = None
    precision: str = "auto"
    device: str = "auto"
    memory_budget: str | None = None
    calibration: Path | None = None
    offline: bool = False
    preload: bool = False
    roots: Folders | None = None
    allow_urls: bool = False
    http: str | None = None
    token: SecretStr | None = None
    allowed_hosts: Names = ()
    allowed_origins: Names = ()
    max_queue: int = Field(default=8, ge=1, le=10_000)
    batch_size: int = Field(default=8, ge=1, le=1_000)
    access_log: bool = False
    max_connections: int = Field(default=512, ge=8, le=100_000)
    max_sessions: int = Field(default=500, ge=1, le=100_000)
    head_timeout: Seconds = 10
    body_timeout: Seconds = 60
    idle_timeout: Seconds = 15
    session_timeout: Seconds = 1_800

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in given.items()
            if value != "" or name.lower().endswith(("roots", "token"))
        }

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of `http`, or None on stdio."""
        return None if self.http is None else parse_address(self.http)

    @classmethod
    def flag(cls, name: str) -> str:
        """The flag of a setting."""
        flags = {setting: flag for flag, setting in cls.by_flag.items()}
        return f"--{flags.get(name, name).replace('_', '-')}"

    @classmethod
    def variable(cls, name: str) -> str:
        """The variable of a setting."""
        prefix = str(cls.model_config.get("env_prefix"))
        return f"{prefix}{name.upper().removeprefix(prefix)}"

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """Settings from what is `given` and, for the rest, from the environment.

        Raises:
            BadOptions: a value that means nothing, by the name that the user knows.
        """
        for name, value in given.items():
            if value == "":
                raise BadOptions(f"{cls.flag(name)} is empty", "Leave it out, or give it a value.")
        try:
            return cls(**given)
        except ValidationError as error:  # without the value, which may be the token
            told = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = str(told["loc"][0]) if told["loc"] else "settings"
        place = cls.flag(name) if name in given else cls.variable(name)
        raise BadOptions(f"{place}: {told['msg']}", f"See `{cls.command} --help`.")


def of_flags(kind: type[Settings], flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given, by their setting's name."""
    return {
        kind.by_flag.get(flag, flag): value for flag, value in flags.items() if value is not None
    }


def read_settings(**flags: Any) -> Settings:
    """Settings from the flags and, for those that are None, from the environment."""
    given = of_flags(Settings, flags)
    settings = Settings.read(given)
    unused = [Settings.flag(name) for name in HTTP_ONLY if name in given]
    if settings.http is None and unused:
        raise BadOptions(f"{unused[0]} is for HTTP, but stdio is served", "Add --http HOST:PORT.")
    check_exposure(settings)
    Allowed.of(settings.allowed_hosts, settings.allowed_origins)
    return settings


def unknown_variables(kind: type[Settings] = Settings) -> list[str]:
    """Variables of the environment that look like settings but are not, such as misspelt ones."""
    known = {kind.variable(name) for name in kind.model_fields}
    prefix = kind.variable("")
    return sorted(name for name in os.environ if name.startswith(prefix) and name not in known)


def check_exposure(settings: Settings) -> None:
    """Refuse to serve without a strong token where other machines can connect."""
    if settings.address is None:
        return
    token = None if settings.token is None else settings.token.get_secret_value()
    local = is_loopback(settings.address[0])
    least = 1 if local else 16  # others can try to guess what they can reach
    if token is not None and (len(token) < least or not token.isascii() or not token.isprintable()):
        raise BadOptions(
            f"the token has {len(token)} characters; it needs {least} or more, printable ASCII",
            'Make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    if not local and token is None:
        raise BadOptions(
            f"{settings.http} can be reached from other machines, but no token is set",
            f"Set {settings.variable('token')} (better than --token, which others on this machine "
            "can see), or serve on 127.0.0.1.",
        )


def parse_address(text: str) -> tuple[str, int]:
    """Read "HOST:PORT"; an IPv6 host stands in brackets, port 0 is any free one."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bad_host = not bare or (":" in bare) != (bare is not host and bare != host)
    if not colon or bad_host or not port.isdecimal() or int(port) > 65535:
        raise BadOptions(
            f"--http {text!r} is not HOST:PORT", "Use 127.0.0.1:8000, or [::1]:8000 for IPv6."
        )
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: where it points may change
        return False
