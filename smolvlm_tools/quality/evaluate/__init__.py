"""Scores on the benchmarks of SmolVLM's model card, and on a user's own questions.

    >>> from smolvlm_tools import SmolVLM
    >>> from smolvlm_tools.quality.evaluate import evaluate
    >>> with SmolVLM.load("embedded") as vlm:
    ...     report = evaluate(vlm, "my-images/labels.jsonl")

`tasks` has the benchmarks with the words of `prompts` and the measures of `metrics`; `data` opens
their files (`fetching`, `tsv`, `hub_rows`, `own`) as samples (`forms`); `answering` asks, `kept`
keeps the answers, `report` holds the scores, `writing` and `drawing` show them, `run` does it all.
"""

from __future__ import annotations

from .data import Data, DataWish, open_data
from .metrics import anls, choice_match, contains, exact_match, relaxed_accuracy, vqa_score
from .own import Columns
from .report import Answered, CategoryScore, EvaluationReport, Interval, Published, bootstrap
from .run import EvaluationOptions, evaluate
from .samples import Sample
from .tasks import BENCHMARKS, METRICS
from .writing import write_report

__all__ = [
    "BENCHMARKS",
    "METRICS",
    "Answered",
    "CategoryScore",
    "Columns",
    "Data",
    "DataWish",
    "EvaluationOptions",
    "EvaluationReport",
    "Interval",
    "Published",
    "Sample",
    "anls",
    "bootstrap",
    "choice_match",
    "contains",
    "evaluate",
    "exact_match",
    "open_data",
    "relaxed_accuracy",
    "vqa_score",
    "write_report",
]
