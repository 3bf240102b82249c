"""The snippets of docs/ocr.md say what happens."""

from __future__ import annotations

import shutil

from tests.support.document_blocks import blocks, run
from tests.support.ocr import ocr_only
from tests.support.paths import RECEIPT

VLM = "from smolvlm_tools import SmolVLM\nvlm = SmolVLM.load('embedded')\n"


@ocr_only
def test_every_snippet_runs(tmp_path, embedded):
    shutil.copy(RECEIPT, tmp_path / "receipt.png")
    snippets = blocks("docs/ocr.md", "python")
    assert len(snippets) == 2
    for code in snippets:
        run(VLM + code, tmp_path)
