"""smolvlm-tools: SmolVLM on your own machine; images and text in, typed answers out.

    >>> from smolvlm_tools import SmolVLM
    >>> with SmolVLM.load("embedded") as vlm:
    ...     print(vlm.ask("examples/images/shapes.png", "What color is the circle?").text)
    red

Everything but the errors is imported on first use, so `import smolvlm_tools` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    BackendUnavailable,
    BadArguments,
    BadDimensions,
    BadEncoding,
    BadOptions,
    BadPrompt,
    Busy,
    Cancelled,
    Closed,
    CorruptImage,
    FetchFailed,
    FetchTimeout,
    ImageNotFound,
    ImageTooLarge,
    InputError,
    ModelError,
    ModelInvalid,
    ModelNotFound,
    OutOfMemoryBudget,
    PasswordRequired,
    PathNotAllowed,
    SchemaNotSupported,
    SmolVLMError,
    UnknownTool,
    UnsupportedFormat,
    UrlNotAllowed,
)

if TYPE_CHECKING:
    from .cache import CacheLimits
    from .checkpoint import ALIASES, Checkpoint, open_checkpoint
    from .engine import SmolVLM
    from .images import ImagePolicy, LoadedImage, load_image
    from .loading import plan_model
    from .memory.plan import LoadPlan
    from .reply import AsyncReplyStream, ReplyStream
    from .types import (
        GenerationOptions,
        ImagePart,
        ImagePlan,
        Message,
        Progress,
        RequestPlan,
        StageSeconds,
        StreamChunk,
        TextPart,
        Token,
        Usage,
        VisionResult,
    )

_HOMES = {
    "CacheLimits": ".cache",
    "ALIASES": ".checkpoint",
    "Checkpoint": ".checkpoint",
    "open_checkpoint": ".checkpoint",
    "SmolVLM": ".engine",
    "ImagePolicy": ".images",
    "LoadedImage": ".images",
    "load_image": ".images",
    "plan_model": ".loading",
    "LoadPlan": ".memory.plan",
    "AsyncReplyStream": ".reply",
    "ReplyStream": ".reply",
    "GenerationOptions": ".types",
    "ImagePart": ".types",
    "ImagePlan": ".types",
    "Message": ".types",
    "Progress": ".types",
    "RequestPlan": ".types",
    "StageSeconds": ".types",
    "StreamChunk": ".types",
    "TextPart": ".types",
    "Token": ".types",
    "Usage": ".types",
    "VisionResult": ".types",
}

__version__ = "0.1.0"

__all__ = [
    "ALIASES",
    "AsyncReplyStream",
    "BackendUnavailable",
    "BadArguments",
    "BadDimensions",
    "BadEncoding",
    "BadOptions",
    "BadPrompt",
    "Busy",
    "CacheLimits",
    "Cancelled",
    "Checkpoint",
    "Closed",
    "CorruptImage",
    "FetchFailed",
    "FetchTimeout",
    "GenerationOptions",
    "ImageNotFound",
    "ImagePart",
    "ImagePlan",
    "ImagePolicy",
    "ImageTooLarge",
    "InputError",
    "LoadPlan",
    "LoadedImage",
    "Message",
    "ModelError",
    "ModelInvalid",
    "ModelNotFound",
    "OutOfMemoryBudget",
    "PasswordRequired",
    "PathNotAllowed",
    "Progress",
    "ReplyStream",
    "RequestPlan",
    "SchemaNotSupported",
    "SmolVLM",
    "SmolVLMError",
    "StageSeconds",
    "StreamChunk",
    "TextPart",
    "Token",
    "UnknownTool",
    "UnsupportedFormat",
    "UrlNotAllowed",
    "Usage",
    "VisionResult",
    "load_image",
    "open_checkpoint",
    "plan_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
