"""Samples to one table or one JSON object; knows nothing of how they were measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engines import YARDSTICK
from benchmarks.rows import ROWS, Column, Row

PACKAGES = ("onnxruntime", "torch", "transformers", "numpy", "pillow", "tokenizers")
CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
CELL_WIDTH = 15


def machine_facts() -> dict[str, Any]:
    """CPU, cores and versions, as JSON values."""
    info = _cpuinfo()
    flags = set(info.get("flags", "").split())
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cpu_flags": [flag for flag in CPU_FLAGS if flag in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def as_json(columns: Sequence[Column], facts: dict[str, Any]) -> dict[str, Any]:
    """Medians in base units (seconds, bytes, tokens per second) and all samples."""
    return {
        **facts,
        "engines": {
            column.engine: {
                "error": column.error,
                "page_is_summed": column.page_is_summed(),
                "median": {row.key: column.value(row) for row in ROWS},
                "samples": column.samples,
            }
            for column in columns
        },
    }


def print_table(console: Console, columns: Sequence[Column], facts: dict[str, Any]) -> None:
    """Print the table, its facts and the reasons for missing columns."""
    measured = [column for column in columns if column.error is None]
    table = Table(caption=_caption(measured), caption_justify="left")
    table.add_column("", no_wrap=True)
    for column in measured:
        table.add_column(column.engine.replace(":", "\n"), justify="right", min_width=CELL_WIDTH)
    for row in ROWS:
        table.add_row(row.label, *(_cell(column, measured, row) for column in measured))
    width = 40 + (CELL_WIDTH + 3) * len(measured)
    if not console.is_terminal:
        console.width = max(console.width, width)
    for name, fact in facts.items():
        console.print(f"{name}: {_plain(fact)}", markup=False, highlight=False, soft_wrap=True)
    if measured:
        console.print(table)
    for column in columns:
        if column.error is not None:
            text = f"{column.engine} was not measured: {column.error}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)


def _plain(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{key} {value}" for key, value in fact.items())
    if isinstance(fact, list):
        return ", ".join(str(value) for value in fact) or "none"
    return str(fact)


def _cell(column: Column, measured: Sequence[Column], row: Row) -> str:
    value = column.value(row)
    if value is None:
        return "-"
    mark = "~" if row.key == "page" and column.page_is_summed() else ""
    text = mark + row.show(value)
    others = (other.value(row) for other in measured if _is_yardstick(other))
    reference = row.best(other for other in others if other is not None)
    if reference and not _is_yardstick(column):
        text += f" ({value / reference:.2f}x)"
    return text


def _is_yardstick(column: Column) -> bool:
    return column.engine.startswith(f"{YARDSTICK}:")


def _caption(measured: Sequence[Column]) -> str:
    runs = _range([len(column.samples["decode_long"]) for column in measured])
    pages = _range([len(column.samples.get("page", ())) for column in measured])
    lines = [
        f"Medians; fresh processes per engine, taken in turn: {runs}. Runs of the page: {pages}."
    ]
    if any(_is_yardstick(column) for column in measured):
        lines.append(f"In brackets: ratio to the best {YARDSTICK} column of the row.")
    if any(column.page_is_summed() for column in measured):
        lines.append("~ not run: preparation + tiles + prefill; its peak RSS is without the page.")
    tokens = {int(value) for c in measured for value in c.samples.get("page_tokens", ())}
    if tokens:
        lines.append(f"The page: {' or '.join(map(str, sorted(tokens)))} prompt tokens.")
    return "\n".join(lines)


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts, default=0), max(counts, default=0)
    return str(low) if low == high else f"{low} to {high}"
