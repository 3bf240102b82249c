from __future__ import annotations

import json
from typing import Any

import anyio
import jsonschema
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from smolvlm_mcp.cards import Cards
from smolvlm_mcp.prompts import PROMPTS, render
from smolvlm_mcp.server import make_server

from smolvlm_tools import SmolVLM
from smolvlm_tools.errors import Busy, ModelNotFound
from smolvlm_tools.tools import TOOLS, ImageStore, agent_policy, tool_schemas
from tests.support.mcp_servers import ERAS, PATIENCE, serve_engine
from tests.support.paths import SHAPES

RED = {"image": str(SHAPES)}


@pytest.fixture(scope="module")
def engine():
    with SmolVLM.load("embedded") as vlm:
        yield vlm


@pytest.fixture
def server(engine):
    return serve_engine(engine)


def talk(server: Any, conversation: Any, mode: str = "legacy") -> Any:
    """Run `conversation(client)` with an in-process client."""

    async def run() -> Any:
        with anyio.fail_after(PATIENCE):
            async with Client(server, mode=mode) as client:
                try:
                    return await conversation(client)
                except MCPError as error:  # raised in here, it would come out in groups
                    return error

    outcome = anyio.run(run)
    if isinstance(outcome, MCPError):
        raise outcome
    return outcome


def call(server: Any, name: str, arguments: dict[str, Any], mode: str = "legacy") -> Any:
    return talk(server, lambda client: client.call_tool(name, arguments), mode)


def refusal(result: Any) -> dict[str, Any]:
    """The error of a failed call; checks its form."""
    assert result.is_error and result.structured_content is None
    line, detail = (block.text for block in result.content)
    error = json.loads(detail)["error"]
    assert line.startswith(f"{error['code']}: {error['reason']}") and "\n" not in line
    return error


class Broken:
    """A toolbox that fails with `error`."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def acall(self, name: str, arguments: Any, **options: Any) -> Any:
        raise self._error


def broken_server(error: Exception) -> Any:
    cards = Cards("embedded", lambda: None, ImageStore(agent_policy(())), "")
    return make_server(Broken(error), cards)


@pytest.mark.parametrize("mode", ERAS)
def test_the_tools_are_the_registrys_to_the_letter(server, mode):
    listed = talk(server, lambda client: client.list_tools(), mode).tools
    sent = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
    assert sent == tool_schemas("mcp")
    assert all(tool.annotations.read_only_hint for tool in listed)
    assert all(tool.annotations.idempotent_hint for tool in listed)


@pytest.mark.parametrize("mode", ERAS)
def test_a_result_fits_its_schema_and_its_text_holds_the_answer(server, mode):
    result = call(server, "describe_image", RED, mode)
    data = result.structured_content
    jsonschema.validate(data, TOOLS["describe_image"].output_schema())
    [block] = result.content
    answer, about = block.text.split("\n")
    assert answer == data["text"] and "red circle" in answer
    assert data["images"][0]["handle"] in about and "untrusted" in about


def test_no_result_holds_pixels(server):
    for name, tool in TOOLS.items():
        images = {"images": [str(SHAPES)] * 2} if name == "compare_images" else RED
        more = {"question": "How many shapes are there?"} if name == "answer_question" else {}
        if name == "answer_questions":
            more = {"questions": [{"name": "count", "question": "How many shapes are there?"}]}
        if name == "extract_fields":
            more = {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
        result = call(server, name, {**images, **more})
        assert not result.is_error, result.content
        jsonschema.validate(result.structured_content, tool.output_schema())
        assert [block.type for block in result.content] == ["text"]
        assert len(result.model_dump_json()) < 4000


def test_many_answers_come_with_their_names_in_words_too(server):
    questions = [
        {"name": "color", "question": "What color is the circle?"},
        {"name": "red", "question": "Is there a red circle?", "answer_type": "yes_no"},
        {"name": "size", "question": "How many shapes are there?", "levels": [1, 5]},
    ]
    result = call(server, "answer_questions", {**RED, "questions": questions})
    answers = result.structured_content["answers"]
    assert (answers["color"]["value"], answers["red"]["value"]) == ("red", True)
    assert 1 <= answers["size"]["value"] <= 5
    color, red, size, about = result.content[0].text.split("\n")
    assert color.startswith("color: red [confidence ") and red.startswith("red: yes [")
    assert size.startswith("size: 3 [") and "untrusted" in about
    arguments = {**RED, "questions": questions, "min_confidence": 1.0}
    held = call(server, "answer_questions", arguments).content[0].text
    assert "size: (no answer: the model was not sure enough)" in held


def test_an_answer_that_was_held_back_says_so_in_words(server):
    arguments = {"question": "What color is the circle?", "min_confidence": 1.0}
    result = call(server, "answer_question", {**RED, **arguments})
    assert result.structured_content["abstained"]
    assert result.content[0].text.startswith("(no answer")


def test_a_bad_argument_is_a_result_the_caller_can_learn_from(server):
    error = refusal(call(server, "describe_image", {"picture": "x.png"}))
    assert error["code"] == "bad_arguments" and "picture" in error["reason"]
    assert "image" in error["remedy"]


@pytest.mark.parametrize(
    "arguments", [{"image": 7, "note": "A" * 100_000}, {"image": "A" * 90_000}]
)
def test_errors_do_not_echo_large_arguments(server, arguments):
    result = call(server, "describe_image", arguments)
    assert result.is_error and len(result.model_dump_json()) < 2500


@pytest.mark.parametrize("path", ["/etc/passwd", "/nowhere/at/all.png", "../../etc/passwd"])
def test_a_path_outside_the_roots_is_refused_and_no_host_path_told(server, path):
    error = refusal(call(server, "describe_image", {"image": path}))
    assert error["code"] == "path_not_allowed"
    assert str(SHAPES.parent) not in json.dumps(error)


@pytest.mark.parametrize("mode", ERAS)
def test_an_unknown_tool_is_a_protocol_error_with_the_choices(server, mode):
    with pytest.raises(MCPError, match="describe_image") as caught:
        call(server, "paint_image", {}, mode)
    assert caught.value.code == types.INVALID_PARAMS
    assert caught.value.data["code"] == "unknown_tool"


@pytest.mark.parametrize("mode", ERAS)
def test_an_unforeseen_failure_tells_nothing(mode):
    with pytest.raises(MCPError) as caught:
        call(broken_server(RuntimeError("/home/someone/secret")), "describe_image", RED, mode)
    assert caught.value.code == types.INTERNAL_ERROR
    assert "secret" not in f"{caught.value} {caught.value.data}"


def test_busy_comes_with_a_time_to_try_again():
    busy = Busy("8 requests are waiting already", "Try again later.", retry_after=2.5)
    error = refusal(call(broken_server(busy), "describe_image", RED))
    assert error["code"] == "busy" and error["retry_after_seconds"] == 2.5


def test_a_model_that_cannot_be_had_is_an_error_of_each_call():
    def load() -> SmolVLM:
        raise ModelNotFound("no folder '/srv/models/private'", "Choose another.")

    server = serve_engine(load)
    for _ in range(2):
        error = refusal(call(server, "describe_image", RED))
        assert error["code"] == "model_not_found" and "private" not in error["reason"]
    assert not call(server, "load_image", RED).is_error


@pytest.mark.parametrize("mode", ERAS)
def test_progress_grows_and_tells_every_stage(mode):
    server = serve_engine(lambda: SmolVLM.load("embedded"))
    seen: list[tuple[float, float | None, str]] = []

    async def conversation(client: Any) -> None:
        async def note(progress: float, total: float | None, message: str | None) -> None:
            seen.append((progress, total, message or ""))

        await client.call_tool("describe_image", RED, progress_callback=note)

    talk(server, conversation, mode)
    told = [progress for progress, _, _ in seen]
    assert told == sorted(set(told)) and {total for _, total, _ in seen} == {100}
    stages = ["loading", "preparing", "looking", "reading", "writing"]
    firsts = list(dict.fromkeys(message.split()[0] for _, _, message in seen))
    assert [stage.rstrip(":") for stage in firsts] == stages
    assert "30 tokens" in seen[-1][2]


def test_first_calls_at_once_load_one_model():
    loads = 0

    def load() -> SmolVLM:
        nonlocal loads
        loads += 1
        return SmolVLM.load("embedded")

    server = serve_engine(load)
    told: list[str] = []

    async def conversation(client: Any) -> None:
        async def note(progress: float, total: float | None, message: str | None) -> None:
            told.append(message or "")

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(client.call_tool, "describe_image", RED, None, note)

    talk(server, conversation)
    assert loads == 1
    assert told.count("loading the model") >= 5


@pytest.mark.parametrize("mode", ERAS)
def test_the_model_card_says_licence_limits_and_what_not_to_use_it_for(server, mode):
    async def conversation(client: Any) -> tuple[list[Any], str]:
        listed = (await client.list_resources()).resources
        return listed, (await client.read_resource("smolvlm://model")).contents[0].text

    listed, text = talk(server, conversation, mode)
    assert [str(resource.uri) for resource in listed] == ["smolvlm://model"]
    for word in ("Apache-2.0", "Out of scope", "surveillance", "confidence", "blank_image"):
        assert word in text
    assert "smolvlm-embedded" in text and "Loaded as" in text


def test_a_loaded_image_is_a_resource_without_pixels_and_an_argument(server):
    async def conversation(client: Any) -> tuple[dict[str, Any], Any]:
        loaded = (await client.call_tool("load_image", RED)).structured_content
        uri = f"smolvlm://images/{loaded['sha256']}"
        facts = json.loads((await client.read_resource(uri)).contents[0].text)
        return facts, await client.call_tool("describe_image", {"image": uri})

    facts, described = talk(server, conversation)
    assert (facts["width"], facts["height"], facts["format"]) == (320, 240, "PNG")
    assert "red circle" in described.structured_content["text"]


@pytest.mark.parametrize("uri", ["smolvlm://nothing", "smolvlm://images/0123456789abcdef"])
def test_an_unknown_resource_is_an_invalid_parameter(server, uri):
    with pytest.raises(MCPError) as caught:
        talk(server, lambda client: client.read_resource(uri))
    assert caught.value.code == types.INVALID_PARAMS and caught.value.data == {"uri": uri}


def test_prompts_name_tools_and_details_that_there_are(server):
    listed = talk(server, lambda client: client.list_prompts()).prompts
    assert [prompt.name for prompt in listed] == list(PROMPTS)
    for prompt in listed:
        given = {argument.name: f"<{argument.name}>" for argument in prompt.arguments}
        text = render(prompt.name, given).messages[0].content.text
        assert all(value in text for value in given.values())
        assert any(name in text for name in TOOLS)
        named = {word.strip(".,;") for word in text.split() if "_" in word}
        assert named <= set(TOOLS)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("paint", {}), ("alt_text", {}), ("alt_text", {"image": "a", "x": "b"})],
)
def test_a_prompt_without_its_arguments_is_refused(server, name, arguments):
    with pytest.raises(MCPError) as caught:
        talk(server, lambda client: client.get_prompt(name, arguments))
    assert caught.value.code == types.INVALID_PARAMS
