"""Reads what the soak needs of a service's metrics, in Prometheus' text format.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re

_LINE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
PARTS = (0.50, 0.95, 0.99)


def waiting(text: str) -> int | None:
    """Calls that the engine has not taken yet."""
    for line in _LINE.finditer(text):
        if line["name"] == "smolvlm_calls_waiting":
            return int(float(line["value"]))
    return None


def stages(text: str) -> dict[str, list[float]]:
    """p50, p95 and p99 of every stage, each the upper end of the histogram's bucket it lies in."""
    buckets: dict[str, list[tuple[float, float]]] = {}
    for line in _LINE.finditer(text):
        if line["name"] == "smolvlm_stage_seconds_bucket":
            labels = dict(_LABEL.findall(line["labels"]))
            bucket = (float(labels["le"]), float(line["value"]))
            buckets.setdefault(labels["stage"], []).append(bucket)
    return {
        stage: [next(end for end, count in found if count >= part * found[-1][1]) for part in PARTS]
        for stage, found in buckets.items()
    }
