"""Runs engines over the inputs, one loaded at a time.

All logits of the reference are kept; those of other engines are compared as they come.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Logits, Tiles
from ..backends.choose import load_backend
from ..checkpoint import Checkpoint
from ..engine.smolvlm import SmolVLM
from ..images import ImagePolicy
from .divergence import Comparison, Divergence
from .reading import Engine, Rows
from .report import Bounds, EngineQuality, TextQuality, all_broken, can_read
from .scripts import BY_TOKEN, IN_ONE_PASS, PASSAGES, REPLY_TOKENS, TEXT_PROMPTS, Script
from .tasks import Sample, answer_tasks, score_tasks

Progress = Callable[[str], None]
"""Called with a few words before each step."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A backend and a precision, as `SmolVLM.load` takes them."""

    backend: str
    precision: str

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"


@dataclass(frozen=True, slots=True)
class Work:
    """What every engine runs through."""

    checkpoint: Checkpoint
    device: str
    scripts: Sequence[Script]  # in the order in which they are read
    pictures: Sequence[Tiles]
    end_ids: Collection[int]  # tokens that end a reply
    samples: Sequence[Sample]  # tasks; may be empty
    policy: ImagePolicy  # which images the tasks may name
    bounds: Bounds
    progress: Progress


@dataclass(frozen=True, slots=True)
class DecoderInputs:
    """What an engine passes to its decoder."""

    features: list[Rows]  # of each picture
    embedded: list[Rows | None]  # of each script; None for prefixes of the passage


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """What is kept of the reference's run."""

    choice: EngineChoice
    name: str  # of what ran, where the choice was "auto"
    scripts: list[Script]  # completed with the reference's replies
    logits: list[list[Logits]]  # for each script, one before each token of the continuation
    given: DecoderInputs
    answers: list[str]  # to the tasks

    @property
    def probes(self) -> list[int]:
        """Scripts that components are judged on: those with images if any, else text prompts."""
        shown = [at for at, script in enumerate(self.scripts) if script.picture is not None]
        return shown or [at for at, s in enumerate(self.scripts) if s.group == TEXT_PROMPTS]


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What is kept of the run of an engine under test."""

    quality: EngineQuality  # without its components
    given: DecoderInputs
    decoder: Divergence  # of its decoder alone, on the probes
    whole: Divergence  # of everything together, on the probes


@contextmanager
def loaded(work: Work, choice: EngineChoice) -> Generator[Engine]:
    """Load an engine, and close it at the end."""
    work.progress(f"{choice}: loading")
    backend = load_backend(work.checkpoint, choice.backend, choice.precision, work.device)
    with closing(backend):
        yield Engine(backend, work.checkpoint.config.image_token_id)


def read_reference(work: Work, choice: EngineChoice) -> ReferenceRun:
    """Run the reference; its greedy replies complete the scripts."""
    context = work.checkpoint.config.text.context_length
    scripts: list[Script] = []
    logits: list[list[Logits]] = []
    with loaded(work, choice) as engine:
        work.progress(f"{choice}: images and texts")
        features = engine.features(work.pictures)
        for script in work.scripts:
            seen = features_of(script, features)
            if script.reply:
                limit = min(REPLY_TOKENS, context - len(script.prompt))
                tokens, found = engine.reply(script, seen, work.end_ids, limit)
                script = replace(script, continuation=np.array(tokens, dtype=np.int64))
            else:
                found = list(engine.read(script, seen))
            scripts.append(script)
            logits.append(found)
        given = DecoderInputs(features, _embed(engine, scripts))
        name, answers = engine.name, _answer(work, engine, choice)
    return ReferenceRun(choice, name, scripts, logits, given, answers)


def read_engine(work: Work, choice: EngineChoice, reference: ReferenceRun) -> EngineRun:
    """Run a whole engine over the reference's scripts, then its decoder alone."""
    with loaded(work, choice) as engine:
        work.progress(f"{choice}: images and texts")
        features = engine.features(work.pictures)
        given = DecoderInputs(features, _embed(engine, reference.scripts))
        texts, whole = _read_texts(engine, reference, features)
        found = (f"{text.group} {text.divergence.mean_kl:.5f}" for text in texts)
        work.progress(f"{choice}: mean KL of {', '.join(found)}")
        work.progress(f"{choice}: its decoder alone")
        decoder = read_probes(engine, reference, reference.given)
        backend = engine.backend
        ran = backend.name, backend.precision, backend.device
        answers = _answer(work, engine, choice)  # which closes the backend
        tasks = tuple(score_tasks(work.samples, reference.answers, answers))
        judged = {text.group: text.divergence for text in texts if text.judged}
        quality = EngineQuality(
            *ran,
            reference=reference.name,
            components=(),
            texts=texts,
            tasks=tasks,
            broken=all_broken(judged, tasks, work.bounds),
        )
    return EngineRun(quality, given, decoder, whole)


def read_probes(engine: Engine, reference: ReferenceRun, given: DecoderInputs) -> Divergence:
    """Compare a decoder with the reference on features and embeddings of either engine."""
    comparison = Comparison()
    for at in reference.probes:
        script, embedded = reference.scripts[at], given.embedded[at]
        if embedded is None:
            continue
        found = engine.read_rows(script, embedded, features_of(script, given.features))
        pairs = zip(reference.logits[at], found, script.continuation, strict=True)
        for wanted, logits, token in pairs:
            comparison.add(wanted, logits, int(token))
    return comparison.result()


def features_of(script: Script, features: Sequence[Rows]) -> Rows | None:
    """The features of the picture in a script's prompt, if it has one."""
    return None if script.picture is None else features[script.picture]


def _embed(engine: Engine, scripts: Sequence[Script]) -> list[Rows | None]:
    return [
        None if script.group == IN_ONE_PASS else engine.embed(script.token_ids)
        for script in scripts
    ]


def _read_texts(
    engine: Engine, reference: ReferenceRun, features: Sequence[Rows]
) -> tuple[tuple[TextQuality, ...], Divergence]:
    """The divergence of each group, and that of the probes."""
    groups: dict[str, Comparison] = defaultdict(Comparison)
    shared: dict[str, list[tuple[int, int]]] = defaultdict(list)
    whole, probes = Comparison(), set(reference.probes)
    for at, script in enumerate(reference.scripts):
        read = engine.read(script, features_of(script, features))
        pairs = zip(reference.logits[at], read, script.continuation, strict=True)
        same: list[bool] = []
        for wanted, logits, token in pairs:
            same.append(groups[script.group].add(wanted, logits, int(token)))
            if at in probes:
                whole.add(wanted, logits, int(token))
        if script.reply:
            shared[script.group].append(([*same, False].index(False), len(same)))
    found = {group: comparison.result() for group, comparison in groups.items()}
    readable = can_read(found.get(BY_TOKEN), vocabulary=len(reference.logits[0][0]))
    texts = (
        _text(group, each, shared[group], readable or group not in PASSAGES)
        for group, each in found.items()
    )
    return tuple(texts), whole.result()


def _text(
    group: str, found: Divergence, replies: list[tuple[int, int]], judged: bool
) -> TextQuality:
    """A group's result; `replies` are (tokens in common, all tokens) of each reply."""
    if not replies:
        return TextQuality(group, found, judged)
    return TextQuality(
        group,
        found,
        judged,
        replies=len(replies),
        same_replies=sum(same == length for same, length in replies),
        same_tokens=statistics.mean(same for same, _ in replies),
        reply_tokens=statistics.mean(length for _, length in replies),
    )


def _answer(work: Work, engine: Engine, choice: EngineChoice) -> list[str]:
    if not work.samples:
        return []
    work.progress(f"{choice}: {len(work.samples)} tasks")
    with SmolVLM(work.checkpoint, engine.backend, policy=work.policy) as vlm:
        return answer_tasks(vlm, work.samples)
