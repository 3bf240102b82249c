"""The server's settings: those of `smolvlm mcp --http`, several models, and the page.

A flag wins over its variable, which is `SMOLVLM_SERVE_` and the field's name.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict
from smolvlm_mcp.origins import Allowed
from smolvlm_mcp.settings import Names, Settings, check_exposure, of_flags

from smolvlm_tools.errors import BadOptions

PREFIX = "SMOLVLM_SERVE_"


class ServeSettings(Settings):
    """How to serve; docs/serve.md explains each setting."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )
    command: ClassVar = "smolvlm serve"
    by_flag: ClassVar[dict[str, str]] = {**Settings.by_flag, "model": "models"}

    models: Names = Field(
        default=("256m",),
        validation_alias=AliasChoices("models", f"{PREFIX}MODELS", "SMOLVLM_MODEL"),
    )
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65_535)
    page: bool = True
    max_queue: int = Field(default=32, ge=1, le=10_000)
    files_bytes: int = Field(default=64_000_000, ge=1_000_000)

    @field_validator("models")
    @classmethod
    def _some(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if not models:
            raise ValueError("name at least one model")
        if len({*models}) < len(models):
            raise ValueError("a model is named twice")
        return models

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return self.host.strip("[]"), self.port


def read_settings(**flags: Any) -> ServeSettings:
    """Settings from the flags and, for those that are None, from the environment.

    Raises:
        BadOptions: a value that means nothing, or an address that others reach without a token.
    """
    settings = ServeSettings.read(of_flags(ServeSettings, flags))
    host, port = settings.address
    shown = f"[{host}]" if ":" in host else host
    settings = settings.model_copy(update={"http": f"{shown}:{port}"})
    check_exposure(settings)
    Allowed.of(settings.allowed_hosts, settings.allowed_origins)
    if settings.memory_budget is not None and len(settings.models) > 1:
        raise BadOptions(
            "--memory-budget is of one model, but several are served",
            "Serve one model, or each by a server of its own.",
        )
    return settings
