"""What holds for the processes that read images and documents, for `smolvlm doctor`."""

from __future__ import annotations

from ..errors import SmolVLMError
from ..sandbox.posture import Posture, find_posture
from .wording import in_flags


def posture_or_reason() -> Posture | str:
    """The posture; why there is none where no such process starts."""
    try:
        return find_posture()
    except SmolVLMError as error:
        return str(in_flags(error))
