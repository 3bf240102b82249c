"""Errors as messages."""

from __future__ import annotations

from .. import errors
from ..errors import CorruptImage, SmolVLMError
from .messages import BrokenMessage, Message

OUT_OF_MEMORY = "out of memory"
"""Stands for an error: the child's memory was not enough."""


def encode_error(error: Exception, name: str) -> Message:
    """An error in reading what is called `name`; one of no kind of ours says so."""
    if _is_out_of_memory(error):
        return {"error": OUT_OF_MEMORY}, []
    if not isinstance(error, SmolVLMError):
        error = CorruptImage(
            f"{name} cannot be read ({type(error).__name__}: {error})",
            "Save it again, or leave it out.",
        )
    more = {k: v for k, v in vars(error).items() if isinstance(v, (str, int, float))}
    return {**more, "error": type(error).__name__}, []


def decode_error(message: Message) -> SmolVLMError:
    """The error that the child raised.

    Raises:
        BrokenMessage: it is of no kind of ours.
    """
    header = dict(message[0])
    kind = getattr(errors, str(header.pop("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, SmolVLMError)):
        raise BrokenMessage("an error of no known kind")
    error = kind(header.pop("reason"), header.pop("remedy"))
    vars(error).update(header)
    return error


def _is_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False
