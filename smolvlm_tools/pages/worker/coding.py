"""Policies and errors as messages."""

from __future__ import annotations

from typing import Any

from ... import errors
from ...errors import CorruptImage, SmolVLMError
from ...images import ImagePolicy
from .messages import BrokenMessage, Message

OUT_OF_MEMORY = "out of memory"
"""Stands for an error: the child's memory was not enough."""

_OF_SOURCES = {"isolate", "allow_urls", "public_addresses_only", "allowed_roots"}
"""Fields of a policy that do not matter to who has the bytes already."""


def encode_policy(policy: ImagePolicy) -> dict[str, Any]:
    """The limits of a policy by their names."""
    return policy.model_dump(mode="json", include=set(ImagePolicy.model_fields) - _OF_SOURCES)


def encode_error(error: Exception, name: str) -> Message:
    """An error in reading what is called `name`; one of no kind of ours says so."""
    if _is_out_of_memory(error):
        return {"error": OUT_OF_MEMORY}, []
    if not isinstance(error, SmolVLMError):
        error = CorruptImage(
            f"{name} cannot be read ({type(error).__name__}: {error})",
            "Save the document again, or leave it out.",
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
