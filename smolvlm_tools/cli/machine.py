"""`smolvlm models` and `smolvlm doctor`: what this machine has and can do."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from ..backends.choose import rank_backends
from ..backends.registry import SPECS
from ..backends.tuning.kept import find as find_tuning
from ..backends.tuning.speeds import Place
from ..checkpoint import Checkpoint, list_models, open_checkpoint
from ..checkpoint.hub_cache import hub_settings
from ..errors import ModelNotFound, SmolVLMError
from ..machine import packages
from ..machine.accelerator import accelerator
from ..machine.amounts import format_bytes
from ..machine.cpu import cpu_name, this_cpu
from ..sandbox.posture import Posture
from .console import Answers, reserve_stdout, working
from .posture import posture_or_reason
from .process import NO_MODEL
from .wording import in_flags

PACKAGES = (
    "smolvlm-tools",
    "onnxruntime",
    "openvino",
    "torch",
    "transformers",
    "tokenizers",
    "pillow",
    "huggingface-hub",
)
OPTIONAL = {
    ("torch", "transformers", "onnx"): ("smolvlm export", "'smolvlm-tools[export]'"),
    ("pypdfium2",): ("PDF documents", "'smolvlm-tools[pdf]'"),
    ("pillow_heif",): ("HEIC photos", "'smolvlm-tools[heic]'"),
    ("rapidocr", "rapidfuzz"): ("--check ocr", "'smolvlm-tools[ocr]'"),
    ("mcp",): ("the MCP server", "'smolvlm-tools[mcp]'"),
    ("langchain_core",): ("LangChain", "'smolvlm-tools[langchain]'"),
    ("llama_index",): ("LlamaIndex", "'smolvlm-tools[llama-index]'"),
    ("pyarrow",): ("records in Parquet", "'smolvlm-tools[parquet]'"),
    ("flash_attn",): ("faster attention on CUDA", "flash-attn"),
}


def print_models(as_json: bool) -> None:
    """Print the aliases."""
    with reserve_stdout() as answers:
        infos = list_models()
        if as_json:
            answers.json([asdict(info) for info in infos])
            return
        table = Table("alias", "hub id", "parameters", "here")  # 80 columns hold it
        for info in infos:
            table.add_row(
                info.alias,
                info.id,
                f"{info.parameters / 1e6:,.1f} M" if info.parameters else "?",
                "yes" if info.cached else "no",
            )
        answers.table(table)


@dataclass(frozen=True, slots=True)
class BackendCheck:
    """Whether a backend answered a question; without a model to ask, whether it is installed."""

    backend: str
    works: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `smolvlm doctor` prints; its JSON has these names.

    Attributes:
        cpu: its name, and the instructions that speed depends on.
        memory_bytes: of the machine; None where the system does not tell.
        disk: the folder that models are downloaded to.
        disk_free_bytes: what is free there.
        models: bytes of each model that is on this machine, by alias.
        accelerator: whether there is a GPU that torch may use.
        packages: versions, None where not installed.
        missing: from what could be added to the command that installs it.
        isolation: who holds the processes that read images and documents to what.
        auto: by model, what "auto" runs here and why; of those on this machine.
    """

    python: str
    platform: str
    cpu: str
    memory_bytes: int | None
    disk: str
    disk_free_bytes: int
    models: dict[str, int]
    accelerator: bool
    packages: dict[str, str | None]
    backends: list[BackendCheck]
    missing: dict[str, str]
    isolation: Posture | str
    auto: dict[str, str]


def print_doctor(as_json: bool) -> None:
    """Print versions, and how every backend answered a test question."""
    with reserve_stdout() as answers:
        diagnosis = diagnose()
        if as_json:
            answers.json(asdict(diagnosis))
        else:
            _print_diagnosis(diagnosis, answers)
    if not any(check.works for check in diagnosis.backends):
        raise typer.Exit(NO_MODEL)


def diagnose() -> Diagnosis:
    """Look around, and try every backend."""
    with working("trying the backends"):
        checks = [_try_backend(name) for name in SPECS]
    missing = {
        f"the {name} backend": f"pip install {spec.install}"
        for name, spec in SPECS.items()
        if spec.missing
    }
    for modules, (what, extra) in OPTIONAL.items():
        if not packages.installed(*modules):
            missing[what] = f"pip install {extra}"
    if accelerator() is None:
        missing.pop("faster attention on CUDA", None)
    here = {info.alias: _opened(info.alias) for info in list_models() if info.cached}
    disk = hub_settings().cache
    return Diagnosis(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=f"{cpu_name()}, {this_cpu().kind}",
        memory_bytes=_memory(),
        disk=str(disk),
        disk_free_bytes=_free(disk),
        models={alias: m.bytes_here for alias, m in here.items() if isinstance(m, Checkpoint)},
        accelerator=accelerator() is not None,
        packages={name: _version(name) for name in PACKAGES},
        backends=checks,
        missing=missing,
        isolation=posture_or_reason(),
        auto={alias: _auto(alias, model) for alias, model in here.items()},
    )


def _memory() -> int | None:
    """Bytes of memory that the machine has."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not POSIX
        return None


def _free(folder: Path) -> int:
    """Bytes that are free where a folder is, or would be."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(there).free


def _opened(alias: str) -> Checkpoint | SmolVLMError:
    """A model that is on this machine, or why it cannot be opened."""
    try:
        return open_checkpoint(alias, local_files_only=True)
    except SmolVLMError as error:
        return error


def _auto(alias: str, checkpoint: Checkpoint | SmolVLMError) -> str:
    """What "auto" runs a model with, and why."""
    try:
        if isinstance(checkpoint, SmolVLMError):
            raise checkpoint
        chosen = rank_backends(checkpoint, "auto", "auto")[0]
    except SmolVLMError as error:
        return f"nothing ({error.reason})"
    if find_tuning(Place.here(checkpoint)) is None:
        return f"{chosen}, the quickest on most machines (`smolvlm tune {alias}` measures it here)"
    return f"{chosen}, as measured on this machine"


def _print_diagnosis(diagnosis: Diagnosis, answers: Answers) -> None:
    accelerator = "an accelerator" if diagnosis.accelerator else "no accelerator"
    answers.prose(f"Python {diagnosis.python} on {diagnosis.platform}, {accelerator}")
    memory = diagnosis.memory_bytes
    answers.prose(f"{diagnosis.cpu}; {format_bytes(memory) if memory else '?'} of memory")
    table = Table("package", "version")
    for name, version in diagnosis.packages.items():
        table.add_row(name, version or "not installed")
    answers.table(table)
    for check in diagnosis.backends:
        answers.prose(f"{check.backend}: {'works' if check.works else 'no'} ({check.detail})")
    models = [f"{name} ({format_bytes(size)})" for name, size in diagnosis.models.items()]
    answers.prose(f"models here: {', '.join(models)}")
    answers.prose(
        f"downloads go to {diagnosis.disk}, {format_bytes(diagnosis.disk_free_bytes)} free"
    )
    for model, reason in diagnosis.auto.items():
        answers.prose(f"auto for {model}: {reason}")
    answers.prose(f"isolated reading: {diagnosis.isolation}")
    for what, command in diagnosis.missing.items():
        answers.prose(f"for {what}: {command}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _try_backend(name: str) -> BackendCheck:
    """Put a question to the embedded checkpoint."""
    if absent := SPECS[name].missing:
        return BackendCheck(name, False, f"{' and '.join(absent)} not installed")
    from ..engine.smolvlm import SmolVLM

    question: Any = [{"role": "user", "content": "Hello"}]
    try:
        with SmolVLM.load("embedded", backend=name) as vlm:
            result = vlm.generate(question, max_new_tokens=8)
    except ModelNotFound as error:
        return BackendCheck(name, True, f"installed, but not tried: {error.reason}")
    except SmolVLMError as error:
        return BackendCheck(name, False, str(in_flags(error)))
    seconds = result.usage.seconds.total
    return BackendCheck(name, True, f"{result.precision} on {result.device}, {seconds:.2f} s")
