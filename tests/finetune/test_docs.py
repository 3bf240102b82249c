"""The rows that docs/finetune.md shows are rows that are read."""

from __future__ import annotations

import pytest

from smolvlm_tools.finetune.data import read_split
from tests.support.document_blocks import blocks
from tests.support.lessons import picture

ROWS = blocks("docs/finetune.md", "jsonl")


@pytest.mark.parametrize("rows", ROWS)
def test_a_form_of_the_page_is_read(rows, tmp_path):
    (tmp_path / "scans").mkdir()
    for at in (1, 2):
        picture(40, 30, at).save(tmp_path / "scans" / f"{at}.png")
    (tmp_path / "train.jsonl").write_text(rows)
    found = read_split(tmp_path / "train.jsonl", validation=0).training
    assert len(found) == len(rows.splitlines())
    for sample in found:
        assert [turn.role for turn in sample.messages] == ["user", "assistant"]
        assert sample.messages[0].content[0].type == "image"


def test_the_page_shows_five_forms_as_rows():
    assert len(ROWS) == 5
