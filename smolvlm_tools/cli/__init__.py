"""The `smolvlm` command: typer commands over the public API; no engine internals."""

from .app import main

__all__ = ["main"]
