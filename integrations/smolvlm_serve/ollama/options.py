"""`options` and `format` → the options of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smolvlm_tools import RequestOptions
from smolvlm_tools.images import ImagePolicy

from ..faults import Fault, unsupported
from ..requests import Body, parse

IDLE = frozenset(
    {
        *("num_ctx", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa"),
        *("low_vram", "f16_kv", "use_mmap", "use_mlock", "repeat_last_n", "penalize_newline"),
        *("mirostat_tau", "mirostat_eta"),
    }
)
"""How llama.cpp loads a model, and details of what is refused below: they change no answer here."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "repeat_penalty": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "mirostat": (0,),
    "min_p": (0,),
    "typical_p": (1,),
    "tfs_z": (1,),
    "logits_all": (False,),
    "vocab_only": (False,),
    "embedding_only": (False,),
}
"""What is not had here, each with the value that means without it."""

FILL = 1_000_000
"""More tokens than any context has: the reply may fill it (num_predict -1 and -2)."""


class Options(Body):
    """Those of Ollama's that the engine knows, and the last four, which are its own."""

    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: str | Sequence[str] | None = None
    resolution: str | int | None = None
    pages: str | int | None = None
    min_confidence: float | None = None
    repetition_guard: bool | None = None


_KNOWN = set(Options.model_fields)


def request_options(given: Mapping[str, Any], policy: ImagePolicy) -> RequestOptions:
    """The engine's options for `options` of a request.

    Raises:
        Fault: 400, an option that is unknown, of the wrong type, or not had here.
    """
    for name, neutral in NEUTRAL.items():
        if given.get(name) is not None and given[name] not in neutral:
            raise unsupported(f"options.{name}", "not had here; leave it out")
    rest = {name: value for name, value in given.items() if name not in IDLE | NEUTRAL.keys()}
    options = parse(Options, rest).model_dump(exclude_none=True, exclude=set(rest) - _KNOWN)
    most = options.pop("num_predict", None)
    if most is not None:
        options["max_new_tokens"] = FILL if most in (-1, -2) else most
    if options.get("seed", 0) < 0:  # llama.cpp's way to say: another one each time
        del options["seed"]
    if not options.get("stop", True):
        del options["stop"]
    return RequestOptions(policy=policy, **options)


def answer_of(form: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The JSON schema that a reply is held to by `format`, or None for free text.

    Raises:
        Fault: 400, it is neither "json" nor a schema.
    """
    if form is None or form == "":
        return None
    if form == "json":
        return {"type": "object"}
    if isinstance(form, Mapping):
        return form
    text = f'format: {form[:40]!r} is neither "json" nor a JSON schema'
    raise Fault(400, text, "invalid_value", "format")
