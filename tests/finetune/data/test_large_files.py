"""A data file is found by offsets: its content isn't kept in memory."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from smolvlm_tools.finetune.data.json_rows import find_json_elements, find_json_lines


@pytest.mark.parametrize(
    ("find", "name"), [(find_json_lines, "rows.jsonl"), (find_json_elements, "rows.json")]
)
def test_thirty_megabytes_take_a_few_hundred_kilobytes(find, name, tmp_path):
    path = tmp_path / name
    rows = [json.dumps({"at": at, "text": '} ] "\\ ' * 500}) for at in range(6000)]
    with path.open("w") as file:
        file.write("\n".join(rows) if name.endswith("l") else "[" + ",\n".join(rows) + "]")
    assert path.stat().st_size > 20_000_000
    del rows
    tracemalloc.start()
    try:
        found = find(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 6000 and peak < 1_500_000
    assert found[5999]["at"] == 5999 and found.place(5999) == f"{name}:6000"
