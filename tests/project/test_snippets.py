"""Every snippet of the documents runs: here, or in the test that is named beside it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer import Context
from typer.main import get_command

from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER
from smolvlm_tools.cli.app import app
from tests.support.animations import blinking
from tests.support.calibrations import ENGINE, calibration
from tests.support.document_blocks import blocks, run
from tests.support.documents import pdf_only
from tests.support.paths import IMAGES, RECEIPT, ROOT, SHAPES

DOCUMENTS = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "integrations/*/README.md", "examples/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
VLM = "from smolvlm_tools import SmolVLM\nvlm = SmolVLM.load('embedded')\n"
TOOLBOX = "from smolvlm_tools.tools import Toolbox\ntoolbox = Toolbox.load('embedded')\n"
TALK = """
from langchain_smolvlm import ChatSmolVLM
from llama_index.core.llms import ChatMessage, DocumentBlock
chat = ChatSmolVLM(model="embedded", max_new_tokens=2)
messages = [{"role": "user", "content": [{"type": "file", "path": "report.pdf"}]}]
"""
HERE = {
    ("docs/confidence.md", "total.abstained"): VLM,
    ("docs/confidence.md", "calibration.json"): VLM,
    ("docs/documents.md", "DocumentBlock"): TALK,
    ("docs/evaluate.md", "EvaluationOptions"): "",
    ("docs/guide.md", "my-finetune"): "",
    ("docs/guide.md", "before.png"): VLM,
    ("docs/guide.md", "return_exceptions"): VLM + "paths = ['photo.jpg', 'receipt.png']\n",
    ("docs/memory.md", "load_plan"): VLM,
    ("docs/remote.md", "base_url"): VLM,
    ("docs/tools.md", "answer_questions"): TOOLBOX,
    ("docs/tools.md", "contract.pdf"): TOOLBOX,
    ("docs/tools.md", "blink.gif"): TOOLBOX,
}
"""Where a snippet stands, something in it, and what a reader has by then."""

ELSEWHERE = {
    ("README.md", ""): "tests/project/test_docs.py",
    ("docs/confidence.md", "IncompleteAnswer"): "tests/project/test_docs.py",
    ("docs/guide.md", "class Scene"): "tests/project/test_docs.py",
    ("docs/guide.md", "ask_many"): "tests/project/test_docs.py",
    ("docs/guide.md", "PagesNeeded"): "tests/project/test_docs.py",
    ("docs/guide.md", "is_sound"): "tests/project/test_docs.py",
    ("docs/guide.md", "FakeBackend"): "tests/project/test_docs.py",
    ("docs/ingest.md", "Record.model_validate_json"): "tests/project/test_ingest_docs.py",
    ("docs/ingest.md", "checked.parquet"): "tests/project/test_ingest_docs.py",
    ("docs/ingest.md", "SmolVLMLoader"): "tests/project/test_ingest_docs.py",
    ("docs/ingest.md", "ingest_on_ray"): "tests/ingest/on_ray/test_cluster.py",
    ("docs/ocr.md", ""): "tests/project/test_ocr_docs.py",
    ("docs/serve.md", "client.files.create"): "tests/integrations/serve/test_docs.py",
    ("docs/security.md", "ImagePolicy"): "tests/project/test_security_docs.py",
    ("docs/video.md", ""): "tests/pages/video/test_docs.py",
    ("docs/tools.md", "tool_schemas"): "tests/tools/test_schemas.py",
    ("integrations/langchain_smolvlm/README.md", ""): "tests/integrations/langchain/test_tools.py",
    ("integrations/llama_index/README.md", ""): "tests/integrations/llama_index/test_docs.py",
}
"""Which tests run the others; on Ray the call, not the words, as they name a cluster."""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with the files that the documents speak of."""
    shutil.copytree(IMAGES, tmp_path / "examples" / "images")
    for name in ("photo.jpg", "before.png", "after.png"):
        shutil.copy(SHAPES, tmp_path / name)
    for name in ("receipt.png", "page.png"):
        shutil.copy(RECEIPT, tmp_path / name)
    (tmp_path / "blink.gif").write_bytes(blinking())
    (tmp_path / "scans").mkdir()
    receipt = Image.open(RECEIPT)
    for name in ("report.pdf", "scans/contract.pdf"):
        receipt.save(tmp_path / name, save_all=True, append_images=[receipt] * 3)
    ours = ENGINE.model_copy(update={"precision": "int8"})
    fitted = calibration().model_copy(update={"engine": ours})
    (tmp_path / "calibration.json").write_text(fitted.model_dump_json())
    (tmp_path / "my-finetune").symlink_to(EMBEDDED_FOLDER)
    return tmp_path


@pdf_only
@pytest.mark.parametrize(("document", "having"), HERE)
def test_a_snippet_runs_where_its_reader_would_be(document, having, world, embedded):
    (code,) = [code for code in blocks(document, "python") if having in code]
    for model in ('"256m"', '"HuggingFaceTB/SmolVLM-256M-Instruct"'):
        code = code.replace(model, '"embedded"')
    run(HERE[document, having] + code, world)


def test_no_snippet_is_left_out():
    known = [*HERE, *ELSEWHERE]
    for document in DOCUMENTS:
        for code in blocks(document, "python"):
            found = [having for name, having in known if name == document and having in code]
            assert len(found) >= 1, f"nothing runs this of {document}:\n{code}"
    for place in ELSEWHERE.values():
        assert (ROOT / place).exists()


def test_json_in_the_documents_is_json():
    for document in DOCUMENTS:
        for text in blocks(document, "json"):
            json.loads(text)
        for text in blocks(document, "jsonl"):
            assert [json.loads(line) for line in text.splitlines()]


def command_lines() -> list[tuple[str, str]]:
    """Every line for a terminal that calls `smolvlm`, in a block or set in."""
    call = re.compile(r"^(?:\$ | {4})?(smolvlm .*)", re.MULTILINE)
    return [
        (document, line)
        for document in DOCUMENTS
        for line in call.findall((ROOT / document).read_text().replace("\\\n", " "))
    ]


@pytest.mark.parametrize(("document", "line"), command_lines())
def test_a_command_line_of_the_documents_is_one_that_the_command_takes(document, line):
    """It is parsed, not run."""
    _, name, *arguments = shlex.split(line, comments=True)
    group = get_command(app)
    command = group.get_command(Context(group), name)
    assert command is not None, name
    command.make_context(name, arguments)
