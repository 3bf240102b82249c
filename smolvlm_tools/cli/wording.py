"""Errors in the words of the command line: options are its flags."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import SmolVLMError

_ALIKE = (
    *("adapter", "answer", "backend", "base_url", "calibration", "check", "choices", "context"),
    *("detail", "device", "end", "frames", "layout", "max_bytes", "max_new_tokens"),
    *("memory_budget", "min_agreement", "source"),
    *("min_confidence", "min_field_confidence", "on_incomplete", "pages", "parts", "precision"),
    *("rating", "replace", "resolution", "revision", "schema", "start", "task", "text"),
    *("unlabelled", "accumulate", "alpha", "answer_column", "arithmetic", "batch_size", "dora"),
    *("dropout", "epochs", "evaluate_every", "format", "image_column", "image_folder"),
    *("learning_rate", "max_grad_norm", "max_steps", "method", "out", "patience", "question"),
    *("question_column", "rank", "save_every", "seed", "skip_bad", "targets", "too_long"),
    *("validation", "vision", "warmup", "weight_decay", "window"),
)
"""Their flags have their names. A command has only those that its help shows."""

FLAGS: Mapping[str, str] = {
    **{name: f"--{name.replace('_', '-')}" for name in _ALIKE},
    "checkpointing": "--recompute",
    "local_files_only": "--offline",
    "look": "--look",
    "num_cpus": "--ray-cpus",
    "num_gpus": "--ray-gpus",
    "tasks": "--tasks",
    "workers": "--ray-workers",
}
"""The flag of every option that has one; of what a text names and is not here there is none."""


def in_flags(error: SmolVLMError) -> SmolVLMError:
    """The same error in the words of the command line."""
    return error.in_words_of(FLAGS.get)
