"""Errors as an agent may read them: without paths of this machine, except those the agent sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import SmolVLMError

_QUOTED = re.compile(r"""(['"])((?:/|~|file:|[A-Za-z]:[\\/]|\\\\)[^'"]*)\1""")
_BARE = re.compile(
    r"""(?<![\w/:.~#\\-])(?:~?(?:/[\w.@+~-]*[\w@+~-]){2,}/?|[A-Za-z]:\\[^\s'",;)]+)"""
)


def without_paths(text: str, sent: Iterable[str] = ()) -> str:
    """`text` with absolute paths replaced, except where they are part of what was `sent`."""
    known = [argument for argument in sent if argument]

    def keep_or_hide(found: re.Match[str]) -> str:
        path = found.group(found.lastindex or 0)
        known_path = any(path.rstrip("…") in argument for argument in known)
        return found.group() if known_path else "(a path)"

    return _BARE.sub(keep_or_hide, _QUOTED.sub(keep_or_hide, text))


def redact(error: SmolVLMError, sent: Iterable[str] = ()) -> SmolVLMError:
    """The error itself if it names no path of this machine, else a copy without the paths."""
    sent = list(sent)
    reason, remedy = without_paths(error.reason, sent), without_paths(error.remedy, sent)
    if (reason, remedy) == (error.reason, error.remedy):
        return error
    return error.reworded(reason, remedy)
