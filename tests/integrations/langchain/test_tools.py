"""`SmolVLMToolkit`, `SmolVLMBlobParser` and `SmolVLMLoader`."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from PIL import Image

from tests.support.ocr import ocr_only, written
from tests.support.paths import ROOT
from tests.support.picture_books import book

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.documents.base import Blob
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_smolvlm import ChatSmolVLM, SmolVLMBlobParser, SmolVLMLoader, SmolVLMToolkit

from smolvlm_tools import (
    BadOptions,
    CorruptImage,
    ImageNotFound,
    ImagePolicy,
    SharedEngine,
    UnknownTool,
)
from smolvlm_tools.tools import TOOLS, Toolbox, tool_schemas

IMAGES = ROOT / "examples" / "images"
SHAPES = IMAGES / "shapes.png"
WIDE = ImagePolicy()
COLOUR = {"image": str(SHAPES), "question": "What color is the circle?"}


@pytest.fixture(scope="module")
def toolkit(embedded):
    made = SmolVLMToolkit(model=embedded, policy=WIDE)
    yield made
    made.close()


def named(toolkit, name):
    return next(tool for tool in toolkit.get_tools() if tool.name == name)


def call(name, arguments):
    return {"type": "tool_call", "id": "1", "name": name, "args": arguments}


def test_the_tools_are_those_of_the_registry_in_its_words(toolkit):
    tools = toolkit.get_tools()
    assert [tool.name for tool in tools] == list(TOOLS)
    assert [tool.args_schema for tool in tools] == [tool.input for tool in TOOLS.values()]
    assert [convert_to_openai_tool(tool) for tool in tools] == tool_schemas("openai")


@ocr_only
def test_a_model_reads_a_long_check_shortened_and_the_artifact_has_all(toolkit, tmp_path):
    page, boxes = written(*["one two three four five six seven eight nine ten"] * 6)
    page.save(tmp_path / "page.png")
    asked = {"image": str(tmp_path / "page.png"), "check": "ocr", "max_new_tokens": 8}
    message = named(toolkit, "transcribe_image").invoke(call("transcribe_image", asked))
    assert len(message.artifact["check"]["words"]) == len(boxes)
    shown = json.loads(message.content)["check"]
    assert shown["words"] == [] and "60 words" in shown["left_out"]


def test_many_questions_are_one_call(toolkit):
    questions = [
        {"name": "red", "question": "Is there a red circle?", "answer_type": "yes_no"},
        {"name": "size", "question": "How many shapes are there?", "levels": [1, 5]},
    ]
    arguments = {"image": str(SHAPES), "questions": questions}
    tool = named(toolkit, "answer_questions")
    message = tool.invoke(call(tool.name, arguments))
    assert message.artifact["answers"]["red"]["value"] is True
    assert 1 <= message.artifact["answers"]["size"]["value"] <= 5
    assert json.loads(message.content) == message.artifact


def test_pages_of_a_document_are_read_and_named(toolkit, tmp_path):
    tool = named(toolkit, "transcribe_image")
    arguments = {"image": str(book(tmp_path / "book.tif")), "pages": "2-3"}
    message = tool.invoke(call(tool.name, arguments))
    assert [page["page"] for page in message.artifact["pages"]] == [2, 3]
    assert message.artifact["pages"][0]["text"] in message.artifact["text"]
    refused = named(toolkit, "describe_image").invoke(
        call("describe_image", {"image": arguments["image"]})
    )
    assert refused.status == "error" and refused.content.startswith("pages_needed: ")


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_tool_gives_what_the_toolbox_gives(way, toolkit, embedded):
    tool, source = named(toolkit, "answer_question"), SharedEngine(embedded)
    with Toolbox(source.get(), policy=WIDE) as toolbox:
        wanted = toolbox.call("answer_question", COLOUR).model_dump(mode="json")
    message = tool.invoke(call(tool.name, COLOUR))
    if way == "ainvoke":
        message = asyncio.run(tool.ainvoke(call(tool.name, COLOUR)))
    for data in (message.artifact, json.loads(message.content)):
        assert {**data, "usage": 0, "confidence": 0} == {**wanted, "usage": 0, "confidence": 0}
        assert data["confidence"] == pytest.approx(wanted["confidence"], abs=1e-4)
    assert message.status == "success"


def test_handles_of_one_tool_are_known_to_the_others(toolkit):
    handle = named(toolkit, "load_image").invoke(call("load_image", {"image": str(SHAPES)}))
    asked = {**COLOUR, "image": handle.artifact["handle"]}
    reply = named(toolkit, "answer_question").invoke(call("answer_question", asked))
    assert reply.artifact["value"] == "red"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"image": "none.png", "question": "?"}, "image_not_found: "),
        ({"image": str(SHAPES)}, "bad_arguments: answer_question: 'question' is missing."),
        ({**COLOUR, "qestion": 1}, "bad_arguments: answer_question: unknown argument 'qestion'."),
    ],
)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_fault_of_the_caller_is_an_error_message_with_a_remedy(arguments, code, way, toolkit):
    tool = named(toolkit, "answer_question")
    if way == "invoke":
        message = tool.invoke(call(tool.name, arguments))
    else:
        message = asyncio.run(tool.ainvoke(call(tool.name, arguments)))
    assert message.status == "error"
    assert message.content.startswith(code)
    assert message.artifact is None


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_plan_loads_no_weights(way, embedded, monkeypatch):
    monkeypatch.setattr(SharedEngine, "get", None)
    monkeypatch.setattr(SharedEngine, "aget", None)
    toolkit = SmolVLMToolkit(model=embedded, policy=WIDE, load_options={"batch_size": 7})
    tool, asked = named(toolkit, "plan_image"), call("plan_image", {"image": str(SHAPES)})
    done = tool.invoke(asked) if way == "invoke" else asyncio.run(tool.ainvoke(asked))
    assert done.status == "success", done.content
    assert done.artifact["tiles"] == 5 and done.artifact["predicted_bytes"] > 0
    assert toolkit.toolbox.loaded is None
    assert SharedEngine(embedded, batch_size=7).loaded is None


def test_a_plan_is_the_same_before_and_after_loading(embedded):
    toolkit = SmolVLMToolkit(model=embedded, policy=WIDE, load_options={"batch_size": 6})
    plan = named(toolkit, "plan_image")
    before = plan.invoke(call("plan_image", {"image": str(SHAPES)})).artifact
    named(toolkit, "answer_question").invoke(call("answer_question", COLOUR))
    after = plan.invoke(call("plan_image", {"image": str(SHAPES)})).artifact
    toolkit.close()
    for key in ("images", "tiles", "prompt_tokens", "context_length", "model"):
        assert before[key] == after[key]


def test_without_a_policy_an_agent_reads_only_below_the_working_directory(embedded, tmp_path):
    toolkit = SmolVLMToolkit(model=embedded)
    Image.new("RGB", (9, 9)).save(tmp_path / "outside.png")
    outside = named(toolkit, "plan_image").invoke(
        call("plan_image", {"image": str(tmp_path / "outside.png")})
    )
    assert outside.content.startswith("path_not_allowed")


def test_tools_that_are_called_in_parallel_first_share_one_store(embedded):
    toolkit = SmolVLMToolkit(model=embedded, policy=WIDE)
    with ThreadPoolExecutor(8) as pool:
        boxes = list(pool.map(lambda _: toolkit.toolbox, range(32)))
    assert len({id(box) for box in boxes}) == 1


def test_a_toolkit_may_offer_some_of_the_tools(embedded):
    some = SmolVLMToolkit(model=embedded, names=["load_image", "describe_image"])
    assert [tool.name for tool in some.get_tools()] == ["load_image", "describe_image"]
    with pytest.raises(UnknownTool):
        SmolVLMToolkit(model=embedded, names=["paint"]).get_tools()


def test_tools_and_chat_models_share_one_engine_also_after_pickling(toolkit, embedded):
    tool = named(toolkit, "answer_question")
    tool.invoke(COLOUR)
    chat = ChatSmolVLM(model=embedded)
    twin = pickle.loads(pickle.dumps(tool))
    assert twin.invoke(call(tool.name, COLOUR)).artifact["value"] == "red"
    engines = {id(t.toolkit.toolbox._engine.get()) for t in (tool, twin)}
    assert engines == {id(chat._source({}).get())}


def test_a_page_of_a_document_becomes_a_document(embedded):
    loader = SmolVLMLoader(SHAPES, model=embedded, mode="caption")
    [document] = loader.load()
    assert "circle" in document.page_content
    assert document.metadata["source"] == str(SHAPES)
    assert (document.metadata["page"], document.metadata["total_pages"]) == (0, 1)
    assert document.metadata["model"] == "smolvlm-embedded"
    assert len(document.metadata["image_sha256"]) == 64
    assert [doc.page_content for doc in asyncio.run(loader.aload())] == [document.page_content]


def test_every_page_of_a_tiff_is_asked_lazily(embedded, tmp_path):
    shapes = Image.open(SHAPES).convert("RGB")
    blank = Image.new("RGB", shapes.size, "white")
    shapes.save(tmp_path / "two.tiff", save_all=True, append_images=[blank])
    parser = SmolVLMBlobParser(model=embedded, question="What color is the circle?")
    walk = parser.lazy_parse(Blob.from_data((tmp_path / "two.tiff").read_bytes()))
    first = next(walk)
    assert first.page_content == "red"
    assert first.metadata["source"].startswith("sha256:")
    assert next(walk).metadata["page"] == 1
    assert next(walk, None) is None


@pytest.mark.skipif(find_spec("pypdfium2") is None, reason="the extra `pdf` is not installed")
def test_pages_of_a_pdf_become_documents(embedded, tmp_path):
    shapes = Image.open(SHAPES).convert("RGB")
    shapes.save(tmp_path / "two.pdf", save_all=True, append_images=[shapes])
    loader = SmolVLMLoader(
        [tmp_path / "two.pdf", SHAPES],
        model=embedded,
        question="What color is the circle?",
        longest_edge=320,
    )
    documents = loader.load()
    assert [document.metadata["page"] for document in documents] == [0, 1, 0]
    assert [document.metadata["total_pages"] for document in documents] == [2, 2, 1]
    assert [document.page_content for document in documents] == ["red"] * 3


def test_a_caption_and_a_transcription_stand_in_one_document(embedded):
    both = SmolVLMLoader(SHAPES, model=embedded, mode="both").load()[0]
    caption = SmolVLMLoader(SHAPES, model=embedded, mode="caption").load()[0]
    assert both.page_content.startswith(f"{caption.page_content}\n\n")
    assert len(both.metadata["finish_reason"]) == 2


def test_a_file_that_cannot_be_read_raises_and_is_not_left_out(embedded, tmp_path):
    (tmp_path / "broken.png").write_bytes(SHAPES.read_bytes()[:200])
    with pytest.raises(CorruptImage):
        SmolVLMLoader([SHAPES, tmp_path / "broken.png"], model=embedded).load()
    with pytest.raises(ImageNotFound):
        SmolVLMLoader(tmp_path / "none.png", model=embedded).load()
    with pytest.raises(BadOptions, match="unknown mode"):
        SmolVLMLoader(SHAPES, model=embedded, mode="poem")


def test_every_example_in_the_readme_runs_and_what_it_asserts_holds(embedded):
    readme = ROOT / "integrations" / "langchain_smolvlm" / "README.md"
    code = "\n".join(re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.S))
    assert code.count("assert") >= 6
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
