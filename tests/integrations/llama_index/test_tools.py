"""`SmolVLMToolSpec`: the registry's tools as LlamaIndex's."""

from __future__ import annotations

import asyncio
import json

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

from llama_index.core.tools import FunctionTool
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.tools.smolvlm import SmolVLMToolSpec

from smolvlm_tools import BadArguments, BadOptions, PagesNeeded, PathNotAllowed, UnknownTool
from smolvlm_tools.tools import TOOLS, ImageStore, agent_policy
from smolvlm_tools.types import Check
from tests.support.gated import check_cancelling_frees_the_engine
from tests.support.ocr import ocr_only
from tests.support.paths import RECEIPT, SHAPES
from tests.support.picture_books import book
from tests.support.tool_calls import CALLS

ASK = {"image": str(SHAPES), "question": "What color is the circle?"}


@pytest.fixture(scope="module")
def spec(embedded):
    with SmolVLMToolSpec(embedded, policy=agent_policy([SHAPES.parent])) as made:
        yield made


@pytest.fixture(scope="module")
def tools(spec):
    return {tool.metadata.name: tool for tool in spec.to_tool_list()}


@ocr_only
def test_a_check_comes_as_json_and_as_the_core_has_it(tools):
    output = tools["extract_fields"].call(
        image=str(RECEIPT),
        schema={"type": "object", "properties": {"total": {"type": "number"}}},
        check="ocr",
    )
    check = output.raw_output.check
    assert Check.model_validate(json.loads(output.content)["check"]) == check
    assert check.evidence["/total"].box


def test_it_is_a_tool_spec_by_its_base_classes():
    assert "BaseToolSpec" in [base.__name__ for base in SmolVLMToolSpec.__mro__]


def test_every_tool_of_the_registry_is_there_in_its_words(tools):
    assert list(tools) == list(TOOLS)
    for name, tool in tools.items():
        assert isinstance(tool, FunctionTool)
        said = tool.metadata.to_openai_tool()["function"]
        assert said["description"] == TOOLS[name].description
        assert said["parameters"] == TOOLS[name].input_schema()
        assert json.loads(tool.metadata.fn_schema_str) == TOOLS[name].input_schema()


@pytest.mark.parametrize("name", list(TOOLS))
def test_every_tool_gives_json_and_the_output_model_to_both_worlds(tools, name):
    here = tools[name].call(**CALLS[name])
    there = asyncio.run(tools[name].acall(**CALLS[name]))
    for output in (here, there):
        assert type(output.raw_output) is TOOLS[name].output
        assert json.loads(output.content) == output.raw_output.model_dump(mode="json")
        assert output.tool_name == name and not output.is_error


def test_a_typed_answer_has_its_type(tools):
    output = tools["answer_question"].call(**ASK, answer_type="choice", choices=["red", "blue"])
    assert output.raw_output.value == "red"


def test_many_questions_are_one_call(tools):
    questions = [
        {"name": "red", "question": "Is there a red circle?", "answer_type": "yes_no"},
        {"name": "size", "question": "How many shapes are there?", "levels": [1, 5]},
    ]
    output = tools["answer_questions"].call(image=str(SHAPES), questions=questions)
    answers = output.raw_output.answers
    assert answers["red"].value is True and 1 <= answers["size"].value <= 5
    assert output.raw_output.usage.tiles == 5


def test_pages_of_a_document_are_read_and_named(embedded, tmp_path):
    image = str(book(tmp_path / "book.tif"))
    with SmolVLMToolSpec(embedded, policy=agent_policy([tmp_path])) as spec:
        transcribe, describe = spec.to_tool_list(["transcribe_image", "describe_image"])
        output = transcribe.call(image=image, pages="2-3").raw_output
        assert [page.page for page in output.pages] == [2, 3]
        assert [(seen.page, seen.pages) for seen in output.images] == [(2, 3), (3, 3)]
        with pytest.raises(PagesNeeded, match="has 3 pages"):
            describe.call(image=image)


def test_a_handle_stands_for_an_image_of_an_earlier_call(tools):
    handle = tools["load_image"].call(image=str(SHAPES)).raw_output.handle
    assert tools["answer_question"].call(**{**ASK, "image": handle}).raw_output.value == "red"


def test_some_tools_may_be_picked_by_name(spec):
    (tool,) = spec.to_tool_list(["plan_image"])
    assert tool.metadata.name == "plan_image"
    with pytest.raises(UnknownTool):
        spec.to_tool_list(["paint_image"])


@pytest.mark.skipif(
    not hasattr(SmolVLMToolSpec, "to_tool_list_async"),
    reason="this llama-index-core has no such method",
)
def test_a_loop_gets_the_same_list(spec):
    assert len(asyncio.run(spec.to_tool_list_async())) == len(TOOLS)


def test_errors_are_raised_and_agents_get_them_as_output(tools):
    with pytest.raises(BadArguments, match="question"):
        tools["answer_question"].call(image=str(SHAPES))
    told = call_tool(tools["answer_question"], {"image": str(SHAPES)})
    assert told.is_error and "question" in told.content
    told = asyncio.run(acall_tool(tools["describe_image"], {"image": "/etc/passwd"}))
    assert told.is_error and "/etc/passwd" in told.content


def test_files_outside_the_folders_are_not_read(tools, tmp_path):
    (tmp_path / "a.png").write_bytes(SHAPES.read_bytes())
    with pytest.raises(PathNotAllowed):
        tools["load_image"].call(image=str(tmp_path / "a.png"))


def test_cancelling_a_call_frees_the_engine_within_two_steps(talking):
    backend, vlm = talking
    (tool,) = SmolVLMToolSpec(engine=vlm).to_tool_list(["describe_image"])

    check_cancelling_frees_the_engine(backend, vlm, lambda: tool.acall(image=str(SHAPES)))


def test_what_contradicts_itself_is_refused(counting):
    _, vlm = counting
    with pytest.raises(BadOptions):
        SmolVLMToolSpec("embedded", engine=vlm)
    with pytest.raises(BadOptions):
        SmolVLMToolSpec(policy=agent_policy(), store=ImageStore())


def test_closing_a_spec_leaves_a_given_engine_open(counting):
    _, vlm = counting
    with SmolVLMToolSpec(engine=vlm):
        pass
    assert vlm.describe(SHAPES).text
