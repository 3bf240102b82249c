"""Measures what precisions of one checkpoint cost.

Engines are loaded one after the other. Each is compared with its reference, by default the same
backend's fp32, which runs first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ..backends.choose import check_names, choose_backend
from ..checkpoint import Checkpoint
from ..checkpoint.aliases import EMBEDDED_ID
from ..errors import BadOptions, BadPrompt
from ..images import ImagePolicy
from ..prompt.layout import RequestLayouter
from .components import judge_components
from .engines import EngineChoice, Progress, Work, read_engine, read_reference
from .report import Bounds, EngineQuality, QualityReport
from .scripts import Script, image_scripts, passage_scripts, text_scripts
from .tasks import SHIPPED, read_tasks

PARTS = ("text", "images", "tasks")
POSITIONS = 512


def measure_quality(
    checkpoint: Checkpoint,
    precisions: Sequence[str] = ("auto",),
    *,
    backend: str = "auto",
    device: str = "auto",
    reference: str = "fp32",
    tasks: Path | None = None,
    parts: Collection[str] = PARTS,
    positions: int = POSITIONS,
    bounds: Bounds | None = None,
    progress: Progress = lambda text: None,
) -> QualityReport:
    """Compare precisions of a checkpoint with a reference, on the same inputs.

    Args:
        checkpoint: an opened one.
        precisions: as `SmolVLM.load` takes them, mixed ones as text ("vision=int8,decoder=q4").
        backend: of all precisions; "auto" chooses for each as `SmolVLM.load` does.
        device: where everything runs.
        reference: a precision of the same backend, or "torch:fp32" for one of another backend.
        tasks: a folder of questions with answers (see `quality.tasks`), whose images also serve as
            image prompts. None takes the set in the package; it is scored for the embedded
            checkpoint only, because no other was trained on such pictures.
        parts: some of `PARTS`: text needs no images, images need no tasks.
        positions: how many tokens of the passage are read.
        bounds: None for those of ADR 5.
        progress: called before each step.

    Raises:
        BadOptions: an unknown name, or tasks that cannot be read.
        BadPrompt: an input is longer than the model's context.
        ModelNotFound, ModelInvalid, BackendUnavailable: an engine cannot be loaded or run.
    """
    bounds = bounds or Bounds()
    references = _choose(checkpoint, precisions, backend, device, reference)
    for choice in (*references, *references.values()):
        check_names(choice.backend, choice.precision, device)
    work = _prepare(checkpoint, device, tasks, parts, positions, bounds, progress)
    judged: dict[EngineChoice, EngineQuality] = {}
    for base in dict.fromkeys(references.values()):
        mine = [choice for choice in references if references[choice] == base]
        kept = read_reference(work, base)
        tested = [read_engine(work, choice, kept) for choice in mine]
        judged |= zip(mine, judge_components(work, kept, tested), strict=True)
    return QualityReport(checkpoint.id, bounds, tuple(judged[choice] for choice in references))


def _choose(
    checkpoint: Checkpoint, precisions: Sequence[str], backend: str, device: str, reference: str
) -> dict[EngineChoice, EngineChoice]:
    """An engine for each precision, and what it is compared with."""
    other, colon, exact = reference.rpartition(":")
    found: dict[EngineChoice, EngineChoice] = {}
    for precision in dict.fromkeys(precisions):
        check_names(backend, precision, device)
        name = choose_backend(checkpoint, precision, device) if backend == "auto" else backend
        base = EngineChoice(other if colon else name, exact)
        found[EngineChoice(name, precision)] = base
    return found


def _prepare(
    checkpoint: Checkpoint,
    device: str,
    tasks: Path | None,
    parts: Collection[str],
    positions: int,
    bounds: Bounds,
    progress: Progress,
) -> Work:
    """All inputs, laid out for this checkpoint."""
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not {"text", "images"} & set(parts):
        problem = "parts name neither text nor images"
        if unknown:
            problem = f"unknown part {unknown[0]!r}"
        raise BadOptions(problem, f"Use some of {', '.join(PARTS)}, with text or images.")
    if positions < 2:
        raise BadOptions(f"{positions} positions are too few to compare", "Use 2 or more.")
    folder = SHIPPED if tasks is None else tasks
    samples = read_tasks(folder)
    policy = ImagePolicy(allow_urls=False, allowed_roots=(folder.resolve(),))
    layouter = RequestLayouter.open(checkpoint, policy)
    scripts: list[Script] = []
    if "text" in parts:
        scripts += [*passage_scripts(layouter, positions), *text_scripts(layouter)]
    seen, pictures = image_scripts(layouter, samples if "images" in parts else ())
    scripts += seen
    _check_room(scripts, checkpoint.config.text.context_length)
    scored = "tasks" in parts and (tasks is not None or checkpoint.id == EMBEDDED_ID)
    return Work(
        checkpoint=checkpoint,
        device=device,
        scripts=scripts,
        pictures=pictures,
        end_ids=checkpoint.config.eos_token_ids | {layouter.chat.end_of_utterance_id},
        samples=samples if scored else (),
        policy=policy,
        bounds=bounds,
        progress=progress,
    )


def _check_room(scripts: Iterable[Script], context: int) -> None:
    for script in scripts:
        needed = len(script.prompt) + max(len(script.continuation), script.at_least, 1)
        if needed > context:
            raise BadPrompt(
                f"one of the {script.group} takes {needed} tokens, more than the model's context "
                f"of {context}",
                "Use tasks with smaller images. Or leave out images or text with `parts`.",
            )
