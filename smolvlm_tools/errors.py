"""The error tree: every failure a caller can see, each with a code, a reason and a remedy.

    SmolVLMError
    ├── InputError              what the caller passed in              (CLI exit code 3)
    │   ├── ImageNotFound       no such file
    │   ├── CorruptImage        damaged, truncated or empty image data
    │   ├── UnsupportedFormat   not an image, or a format outside the allow-list
    │   ├── ImageTooLarge       over the limit on bytes, pixels or metadata
    │   ├── BadDimensions       a size or shape that no image has
    │   ├── BadEncoding         broken base64 or data URI
    │   ├── PasswordRequired    an encrypted document without its password
    │   ├── DocumentTooCostly   takes too much time or memory to read, or crashes what reads it
    │   ├── PagesNeeded         a document of several pages where one image was wanted
    │   ├── PathNotAllowed      outside the allowed roots, or not a regular file
    │   ├── UrlNotAllowed       its scheme or the policy forbids fetching it
    │   ├── FetchFailed         the server answered with an error, or not completely
    │   │   └── FetchTimeout    the server was too slow
    │   ├── BadPrompt           empty, too long, or not representable as tokens
    │   ├── BadOptions          an unknown option name or an impossible value
    │   ├── SchemaNotSupported  a type or schema of answers that cannot be enforced
    │   ├── UnknownTool         no tool of that name
    │   ├── BadArguments        a tool's arguments do not fit its schema
    │   └── BadSamples          training data that cannot be learned from
    ├── ModelError              the model cannot be obtained or run    (CLI exit code 4)
    │   ├── ModelNotFound       no such alias, folder, file or hub repository
    │   ├── ModelInvalid        files that contradict each other or their checksums
    │   ├── BackendUnavailable  the runtime is not installed or lacks the device
    │   ├── TrainingFailed      the loss or a gradient is NaN or infinite
    │   ├── OutOfMemoryBudget   the memory budget, or the memory itself, is too small
    │   └── RemoteFailed        a model server refused, broke off or sent nonsense
    │       └── RemoteTimeout   it was too slow
    ├── IncompleteAnswer        a typed answer is cut, unsure or not valid (CLI exit code 6)
    ├── StoreFull               the disk is full; what was written before is kept
    ├── Busy                    the request queue is full
    ├── Cancelled               the caller cancelled the request
    └── Closed                  the engine was closed

`reason` says what was wrong and names the bad value; `remedy` says what to do about it.
`str(error)` is one line with both.
"""

from __future__ import annotations

import copy
from typing import Any, Self

from .wording import Names, feasible, name_options


class SmolVLMError(Exception):
    """Base class of every error that this package raises on purpose.

    Attributes:
        code: stable snake_case identifier of the error's kind, for programs and agents.
        reason: one line: what was wrong, with the bad value.
        remedy: one line: what the caller can do about it.
    """

    code = "smolvlm_error"

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = " ".join(reason.split())
        self.remedy = " ".join(remedy.split())
        super().__init__(self.reason, self.remedy)

    def reworded(self, reason: str, remedy: str) -> Self:
        """The same error in other words."""
        error = copy.copy(self)
        error.reason, error.remedy = reason, remedy
        error.args = (reason, remedy)
        return error

    def in_words_of(self, names: Names) -> Self:
        """The same error with options as `names` has them; see `wording`."""
        remedy = name_options(feasible(self.remedy, names), names)
        return self.reworded(name_options(self.reason, names), remedy)

    def __str__(self) -> str:
        if not self.remedy:
            return self.reason
        end = "" if self.reason.endswith(("?", "!")) else "."
        return f"{self.reason.rstrip('.')}{end} {self.remedy}"


class InputError(SmolVLMError):
    """Something the caller passed in cannot be used."""

    code = "bad_input"


class ImageNotFound(InputError):
    code = "image_not_found"


class CorruptImage(InputError):
    code = "corrupt_image"


class UnsupportedFormat(InputError):
    code = "unsupported_format"


class ImageTooLarge(InputError):
    code = "image_too_large"


class BadDimensions(InputError):
    code = "bad_dimensions"


class BadEncoding(InputError):
    code = "bad_encoding"


class PasswordRequired(InputError):
    code = "password_required"


class DocumentTooCostly(InputError):
    code = "document_too_costly"


class PagesNeeded(InputError):
    """A document of several pages where one image was wanted, and nothing says which.

    Attributes:
        pages: how many there are.
    """

    code = "pages_needed"

    def __init__(self, reason: str, remedy: str = "", pages: int = 0) -> None:
        super().__init__(reason, remedy)
        self.pages = pages


class PathNotAllowed(InputError):
    code = "path_not_allowed"


class UrlNotAllowed(InputError):
    code = "url_not_allowed"


class FetchFailed(InputError):
    code = "fetch_failed"


class FetchTimeout(FetchFailed):
    code = "fetch_timeout"


class BadPrompt(InputError):
    code = "bad_prompt"


class BadOptions(InputError):
    code = "bad_options"


class SchemaNotSupported(InputError):
    """The requested type or schema of answers cannot be enforced while decoding.

    Attributes:
        keyword: the keyword of JSON Schema, or the kind of grammar, at fault.
    """

    code = "schema_not_supported"

    def __init__(self, reason: str, remedy: str = "", keyword: str = "") -> None:
        super().__init__(reason, remedy)
        self.keyword = keyword


class UnknownTool(InputError):
    code = "unknown_tool"


class BadArguments(InputError):
    code = "bad_arguments"


class BadSamples(InputError):
    """Training data that cannot be learned from.

    Attributes:
        faults: what is wrong with which row, such as "train.jsonl:12: …"; not all where they are
            many.
        count: how many rows are at fault.
    """

    code = "bad_samples"

    def __init__(
        self, reason: str, remedy: str = "", faults: tuple[str, ...] = (), count: int = 1
    ) -> None:
        super().__init__(reason, remedy)
        self.faults, self.count = faults, count


class ModelError(SmolVLMError):
    """The model cannot be obtained, or cannot run as requested."""

    code = "model_error"


class ModelNotFound(ModelError):
    code = "model_not_found"


class ModelInvalid(ModelError):
    code = "model_invalid"


class BackendUnavailable(ModelError):
    code = "backend_unavailable"


class TrainingFailed(ModelError):
    code = "training_failed"


class OutOfMemoryBudget(ModelError):
    """The memory budget, or the memory itself, is too small.

    Attributes:
        needed_bytes: the smallest budget that is enough; None if memory ran out unexpectedly.
    """

    code = "out_of_memory_budget"

    def __init__(self, reason: str, remedy: str = "", needed_bytes: int | None = None) -> None:
        super().__init__(reason, remedy)
        self.needed_bytes = needed_bytes


class RemoteFailed(ModelError):
    """A model server cannot be reached, refused a request, or sent what is not a reply.

    Attributes:
        status: the HTTP status of its answer; None where there was none, or it was 200.
    """

    code = "remote_failed"

    def __init__(self, reason: str, remedy: str = "", status: int | None = None) -> None:
        super().__init__(reason, remedy)
        self.status = status


class RemoteTimeout(RemoteFailed):
    code = "remote_timeout"


class IncompleteAnswer(SmolVLMError):
    """There is no value: what the model wrote is cut, unsure, or not of the type asked for.

    Attributes:
        text: what the model wrote.
        result: the `VisionResult` that `on_incomplete="abstain"` gives; `incomplete` of it is
            "cut", "unsure" or "rejected".
    """

    code = "incomplete_answer"

    def __init__(self, reason: str, remedy: str = "", result: Any = None) -> None:
        super().__init__(reason, remedy)
        self.result = result

    @property
    def text(self) -> str:
        return "" if self.result is None else self.result.text


class StoreFull(SmolVLMError):
    code = "store_full"


class Busy(SmolVLMError):
    """The request queue is full.

    Attributes:
        retry_after: seconds until a place may be free, judging by recent requests.
    """

    code = "busy"

    def __init__(self, reason: str, remedy: str = "", retry_after: float = 1.0) -> None:
        super().__init__(reason, remedy)
        self.retry_after = retry_after


class Cancelled(SmolVLMError):
    code = "cancelled"


class Closed(SmolVLMError):
    code = "closed"
