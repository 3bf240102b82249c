"""Formats whose package is not there."""

from __future__ import annotations

import json

from smolvlm_tools import BackendUnavailable
from smolvlm_tools.ingest import Wish, ingest
from smolvlm_tools.pages.worker import WorkerPool
from tests.support.documents import document, png


def test_a_format_whose_package_is_missing_leaves_the_other_files_alone(tmp_path, monkeypatch):
    """They are tried again when it is there, and asked to be."""
    folder, out = tmp_path / "in", tmp_path / "out.jsonl"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(document())
    (folder / "b.png").write_bytes(png())
    real = WorkerPool.open

    def without_pdf(self, encoded, *arguments, **options):
        if encoded.data.startswith(b"%PDF"):
            raise BackendUnavailable("pypdfium2 is not installed", "Install it.")
        return real(self, encoded, *arguments, **options)

    wish = Wish(tasks=("transcription",))
    with monkeypatch.context() as patch:
        patch.setattr(WorkerPool, "open", without_pdf)
        summary = ingest(folder, out, model="embedded", wish=wish)
    assert summary.faults == {"backend_unavailable": 1} and summary.pages == 1
    summary = ingest(folder, out, model="embedded", wish=wish, retry_errors=True)
    assert summary.faults == {} and summary.pages == 2
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["error"] for record in records] == [None, None]
