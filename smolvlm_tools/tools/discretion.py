"""Errors as an agent may read them: paths of this machine are left out, but for those it sent.

Knows words, not what went wrong. The full story stays with the error as its cause.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable

from ..errors import SmolVLMError

_QUOTED = re.compile(r"""(['"])((?:/|~|file:|[A-Za-z]:[\\/]|\\\\)[^'"]*)\1""")
_BARE = re.compile(
    r"""(?<![\w/:.~#\\-])(?:~?(?:/[\w.@+~-]*[\w@+~-]){2,}/?|[A-Za-z]:\\[^\s'",;)]+)"""
)
_HIDDEN = "(a path)"


def without_paths(text: str, sent: Iterable[str] = ()) -> str:
    """`text` with absolute paths replaced, except where they are part of what was `sent`."""
    known = [argument for argument in sent if argument]

    def keep_or_hide(found: re.Match[str]) -> str:
        path = found.group(found.lastindex or 0)
        said = path.rstrip("…")
        if any(said in argument for argument in known):
            return found.group()
        return _HIDDEN

    return _BARE.sub(keep_or_hide, _QUOTED.sub(keep_or_hide, text))


def discreet(error: SmolVLMError, sent: Iterable[str] = ()) -> SmolVLMError:
    """The error itself if it names no path of this machine, else a copy that does not."""
    sent = list(sent)
    reason, remedy = without_paths(error.reason, sent), without_paths(error.remedy, sent)
    if (reason, remedy) == (error.reason, error.remedy):
        return error
    told = copy.copy(error)
    told.reason, told.remedy = reason, remedy
    told.args = (reason, remedy)
    return told
