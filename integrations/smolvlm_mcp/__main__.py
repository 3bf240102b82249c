"""`python -m smolvlm_mcp` is the `smolvlm-mcp` command."""

from __future__ import annotations

from .command import main

main()
