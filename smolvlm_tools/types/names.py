"""The closed sets of names that options and results use."""

from __future__ import annotations

from typing import Literal, TypeAlias

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "repetition"]
Flag = Literal[
    "truncated",
    "repetition",
    "blank_image",
    "turned",
    "ocr_layer",
    "garbage_layer",
    "hidden_text",
    "reduced_resolution",
    "halved_micro_batch",
    "rejected",
    "completed",
    "no_logprobs",
    "not_enforced",
    "unsupported",
    "missing_words",
    "nothing_recognised",
    "recovered",
]
Calibrated = Literal["confidence", "field_confidence"]
OnIncomplete = Literal["abstain", "raise", "complete"]
Incomplete = Literal["cut", "unsure", "rejected"]
"""Why there is no value: the reply ended before it was whole, the confidence is below
`min_confidence`, or a rule of the type refuses what was written."""
TextSource = Literal["layer", "model", "ocr", "both"]
"""Where a text comes from: the text layer of its document, the model, a recognition beside it, or
some from the one and some from the other."""
Task = Literal["describe", "ask", "transcribe"]
Detail = Literal["brief", "normal", "detailed"]
TextLayout = Literal["plain", "lines", "markdown"]
Stage = Literal["preprocess", "vision", "prefill", "decode"]
Resolution: TypeAlias = Literal["auto", "native"] | int
"""How an image is cut: "auto", "native", or N for a longest edge of N tiles."""
