"""The benchmarks of SmolVLM's model card: data, words, measure, and what the card says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ...types import Resolution
from . import forms, hub_rows, metrics, prompts, tsv
from .mathvista import mathvista_match
from .samples import Sample

Score: TypeAlias = Callable[[str, Sample], float]
"""What a reply to a sample is worth, 0 to 1."""

FORMULA = "Handwritten Mathematical Expression Recognition"
HARNESS = "VLMEvalKit"

NOT_OPENED = (
    'VLMEvalKit begins the reply with "Answer:"; a server is not held to that, its model begins '
    "as it likes"
)
NO_JUDGE = "no judge: a reply that no rule understands is wrong"


@dataclass(frozen=True, slots=True)
class HubData:
    """A data set on the hub: its files by a pattern, and how a row is read."""

    id: str
    files: str
    form: hub_rows.ReadRow
    images: tuple[str, ...] = ("image",)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """How a set of samples is asked and scored.

    Attributes:
        name: on the command line.
        title: of the data, as VLMEvalKit calls it.
        metric: name of the measure.
        differences: where this departs from the harness behind the card.
        md5: of VLMEvalKit's table.
        split: of its rows that count; "" for all.
        points: what a full score is called; 100, but 1000 for OCRBench.
        opens: whether the reply to a prompt is held to begin with "Answer:"; None for never.
        resolution: how images are cut unless something else is asked for; None for the engine's.
    """

    name: str
    title: str
    metric: str
    score: Score
    prompt: prompts.Prompt
    differences: tuple[str, ...] = ()
    md5: str = ""
    split: str = ""
    table: tsv.ReadRow = forms.table_row
    hub: HubData | None = None
    points: int = 100
    opens: prompts.Opens | None = None
    resolution: Resolution | None = "native"


def _anls(reply: str, sample: Sample) -> float:
    return metrics.anls(reply, sample.answers)


def _vqa(reply: str, sample: Sample) -> float:
    return metrics.vqa_score(reply, sample.answers)


def _relaxed(reply: str, sample: Sample) -> float:
    return metrics.relaxed_accuracy(reply, sample.answers)


def _contains(reply: str, sample: Sample) -> float:
    return metrics.contains(reply, sample.answers, formula=sample.category == FORMULA)


def _exact(reply: str, sample: Sample) -> float:
    return metrics.exact_match(reply, sample.answers)


def _choice(reply: str, sample: Sample) -> float:
    return metrics.choice_match(prompts.without_opening(reply), sample.answers, sample.options)


def _mmmu(reply: str, sample: Sample) -> float:
    """An open question counts as a choice between its answer, kept in `kind`, and others."""
    options = sample.options or {"A": sample.kind, "B": "Other Answers"}
    return metrics.choice_match(prompts.without_opening(reply), sample.answers, options)


def _mathvista(reply: str, sample: Sample) -> float:
    return mathvista_match(
        prompts.without_opening(reply), sample.answers, sample.kind, sample.options
    )


METRICS: Mapping[str, Score] = {
    "exact": _exact,
    "contains": _contains,
    "anls": _anls,
    "vqa": _vqa,
    "relaxed": _relaxed,
    "choice": _choice,
}
"""The measures by the names that a user gives."""

_CHOICE = (NO_JUDGE,)
_MMMU_IMAGES = tuple(f"image_{number}" for number in range(1, 8))

BENCHMARKS: Mapping[str, Benchmark] = {
    each.name: each
    for each in (
        Benchmark(
            *("docvqa", "DocVQA_VAL", "anls", _anls, prompts.docvqa),
            md5="d5ee77e1926ff10690d469c56b73eabf",
            hub=HubData("lmms-lab/DocVQA", "DocVQA/validation-*.parquet", forms.docvqa_row),
        ),
        Benchmark(
            *("textvqa", "TextVQA_VAL", "vqa", _vqa, prompts.textvqa),
            md5="b233b31f551bbf4056f2f955da3a92cd",
            hub=HubData("lmms-lab/textvqa", "data/validation-*.parquet", forms.textvqa_row),
        ),
        Benchmark(
            *("chartqa", "ChartQA_TEST", "relaxed", _relaxed, prompts.chartqa),
            md5="c902e0aa9be5582a7aad6dcf52734b42",
            hub=HubData("lmms-lab/ChartQA", "data/test-*.parquet", forms.chartqa_row),
        ),
        Benchmark(
            *("ocrbench", "OCRBench", "contains", _contains, prompts.ocrbench),
            md5="e953d98a987cc6e26ef717b61260b778",
            hub=HubData("echo840/OCRBench", "data/test-*.parquet", forms.ocrbench_row),
            points=1000,
        ),
        Benchmark(
            *("ai2d", "AI2D_TEST", "choice", _choice, prompts.choice, _CHOICE),
            opens=prompts.opens_always,
            md5="0f593e0d1c7df9a3d69bf1f947e71975",
            hub=HubData("lmms-lab/ai2d", "data/test-*.parquet", forms.ai2d_row),
        ),
        Benchmark(
            *("scienceqa", "ScienceQA_TEST", "choice", _choice, prompts.choice, _CHOICE),
            opens=prompts.opens_always,
            md5="e42e9e00f9c59a80d8a5db35bc32b71f",
            hub=HubData("lmms-lab/ScienceQA", "ScienceQA-IMG/test-*.parquet", forms.scienceqa_row),
        ),
        Benchmark(
            *("mmstar", "MMStar", "choice", _choice, prompts.choice, _CHOICE),
            opens=prompts.opens_always,
            md5="e1ecd2140806c1b1bbf54b43372efb9e",
            hub=HubData("Lin-Chen/MMStar", "mmstar.parquet", forms.mmstar_row),
        ),
        Benchmark(
            *("mmmu", "MMMU_DEV_VAL", "choice", _mmmu, prompts.mmmu, _CHOICE),
            opens=prompts.opens_choice,
            md5="521afc0f3bf341e6654327792781644d",
            split="validation",
            table=forms.mmmu_table_row,
            hub=HubData("lmms-lab/MMMU", "data/validation-*.parquet", forms.mmmu_row, _MMMU_IMAGES),
        ),
        Benchmark(
            *("mathvista", "MathVista_MINI", "mathvista", _mathvista, prompts.mathvista),
            differences=(
                *_CHOICE,
                "the only number of a longer reply counts, where VLMEvalKit asks a judge",
            ),
            opens=prompts.opens_choice,
            md5="f199b98e178e5a2a20e7048f5dcb0464",
            table=forms.mathvista_table_row,
            hub=HubData(
                *("AI4Math/MathVista", "data/testmini-*.parquet", forms.mathvista_row),
                images=("decoded_image",),
            ),
        ),
    )
}
"""The nine of the card's table, by the names that a user gives."""

_COLUMNS = (
    *("mathvista", "mmmu", "ocrbench", "mmstar", "ai2d", "chartqa", "scienceqa", "textvqa"),
    "docvqa",
)
_CARD = {
    "HuggingFaceTB/SmolVLM-256M-Instruct": (35.9, 28.3, 52.6, 34.6, 47, 55.8, 73.6, 49.9, 58.3),
    "HuggingFaceTB/SmolVLM-500M-Instruct": (40.1, 33.7, 61, 38.3, 59.5, 63.2, 79.7, 60.5, 70.5),
    "HuggingFaceTB/SmolVLM-Instruct": (43.9, 38.3, 65.5, 41.8, 64, 71.6, 84.5, 72.1, 79.7),
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": (*(51.5, 42, 72.9, 46, 70, 68.84, 90, 73.21, 79.98),),
}


def published_score(model: str, task: str) -> float | None:
    """What a checkpoint's model card says of a benchmark, 0 to 100; None where it says nothing.

    Args:
        model: the hub id, without an adapter.
    """
    scores = dict(zip(_COLUMNS, _CARD.get(model, ()), strict=False))
    return scores.get(task)
