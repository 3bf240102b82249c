"""`python -m smolvlm_tools` is the `smolvlm` command."""

from __future__ import annotations

from .cli import main

main()
