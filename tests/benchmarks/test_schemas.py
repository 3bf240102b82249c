"""The benchmark of compiling schemas runs, and knows its bars; no time is judged."""

from __future__ import annotations

import json

from benchmarks import schemas
from benchmarks.schemas import Outcome


def test_schemas_are_counted_by_file(tmp_path, capsys) -> None:
    lines = [{"type": "integer"}, {"uniqueItems": True}, {"$ref": "#/nowhere"}]
    (tmp_path / "Some.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = schemas.measure(tmp_path)["Some"]
    assert [each.accepted for each in found] == [True, True, False]
    assert [each.checked for each in found] == [False, True, False]
    assert [each.taken_by_llguidance for each in found] == [True, False, False]
    schemas.main([str(tmp_path)])
    assert "| all | 3 | 0.67 | 0.33 | 0.33 |" in capsys.readouterr().out
    assert schemas.main([str(tmp_path / "none")]) == 2


def test_the_bars_are_named_where_they_are_missed() -> None:
    good = Outcome(True, False, 0.001, True, 0.001)
    assert not schemas.shortfalls({"Kubernetes": [good] * 20})
    bad = Outcome(False, False, 6.0, True, 0.001)
    missed = schemas.shortfalls({"Kubernetes": [good] * 18 + [bad] * 2})
    assert [each.split()[0] for each in missed] == ["accepted", "p95", "most"]
