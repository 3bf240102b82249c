"""What is installed beside this package."""

from __future__ import annotations

import importlib.util


def installed(*modules: str) -> bool:
    """Whether modules can be imported, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in modules)
