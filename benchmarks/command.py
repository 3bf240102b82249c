"""How the commands of this folder end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from smolvlm_tools.errors import ModelError, SmolVLMError


def exit_code(run: Callable[[], int]) -> int:
    """What `run` returns; 2 for bad options, 4 for a model that fails, 130 for Ctrl-C."""
    try:
        return run()
    except SmolVLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4 if isinstance(error, ModelError) else 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
