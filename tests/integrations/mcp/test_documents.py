"""Documents over MCP: a real client and the real server."""

from __future__ import annotations

import base64
import json
from typing import Any

import anyio
import jsonschema
import mcp_types as types
import pytest
from mcp.client.client import Client
from smolvlm_mcp.progress import Reporter
from smolvlm_mcp.results import gist

from smolvlm_tools.tools import TOOLS, ToolProgress
from tests.support.documents import RED_SQUARE, document, pdf_only
from tests.support.mcp_servers import ERAS, PATIENCE, on_stdio
from tests.support.picture_books import book


def talk(cwd: Any, conversation: Any, mode: str = "legacy") -> Any:
    """Run `conversation(client)` with the server in the folder `cwd`."""

    async def run() -> Any:
        with anyio.fail_after(PATIENCE):
            async with Client(on_stdio("--model", "embedded", cwd=cwd), mode=mode) as client:
                await client.list_tools()  # the client checks results against the schemas
                return await conversation(client)

    return anyio.run(run)


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_is_told_of_pages_reads_them_and_goes_on_by_handle(tmp_path, mode):
    book(tmp_path / "book.tif")
    told: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async def conversation(client: Any) -> tuple[types.CallToolResult, ...]:
        refused = await client.call_tool("describe_image", {"image": "book.tif"})
        pages = {"image": "book.tif", "pages": "1-2"}
        read = await client.call_tool("transcribe_image", pages, progress_callback=note)
        handle = read.structured_content["images"][1]["handle"]
        facts = await client.read_resource(f"smolvlm://images/{handle.removeprefix('img:')}")
        again = await client.call_tool("transcribe_image", {"image": handle})
        card = await client.read_resource("smolvlm://model")
        return refused, read, again, facts.contents[0].text, card.contents[0].text

    refused, read, again, facts, card = talk(tmp_path, conversation, mode)
    assert refused.is_error
    line, detail = (block.text for block in refused.content)
    assert line.startswith("pages_needed: 'book.tif' has 3 pages")
    assert 'pages="1"' in json.loads(detail)["error"]["remedy"]
    data = read.structured_content
    jsonschema.validate(data, TOOLS["transcribe_image"].output_schema())
    assert [page["page"] for page in data["pages"]] == [1, 2]
    assert [(image["page"], image["pages"]) for image in data["images"]] == [(1, 3), (2, 3)]
    words = read.content[0].text
    assert all(page["text"] in words for page in data["pages"])
    assert f"{data['images'][1]['handle']} (page 2 of 3)" in words and "untrusted" in words
    assert any(message.startswith("page 2 of 2: writing") for message in told)
    assert again.structured_content["text"] == data["pages"][1]["text"]
    assert "page 2 of 3" in again.content[0].text
    about = json.loads(facts)
    assert (about["page"], about["pages"], about["format"]) == (2, 3, "PNG")
    assert "pages" in card and str(tmp_path) not in json.dumps(data) + facts + card


@pdf_only
def test_a_pdf_as_a_data_uri_is_an_image(tmp_path):
    data = base64.b64encode(document(2, content=RED_SQUARE)).decode()
    arguments = {"image": f"data:application/pdf;base64,{data}", "max_new_tokens": 4}

    async def conversation(client: Any) -> tuple[types.CallToolResult, ...]:
        refused = await client.call_tool("describe_image", arguments)
        return refused, await client.call_tool("describe_image", {**arguments, "pages": "2"})

    refused, seen = talk(tmp_path, conversation)
    assert refused.is_error and refused.content[0].text.startswith("pages_needed: the data URI")
    (image,) = seen.structured_content["images"]
    assert (image["page"], image["pages"]) == (2, 2) and "blank_image" not in seen.content[0].text


def test_progress_over_pages_side_by_side_grows_after_loading():
    sent: list[tuple[float, str]] = []

    async def send(progress: float, total: float, message: str) -> None:
        sent.append((progress, message))

    async def run() -> None:
        reporter = Reporter(send)
        reporter.on_progress(ToolProgress("load", 1, 1))
        for stage in ("preprocess", "vision", "prefill", "decode"):
            for page in (2, 1):
                reporter.on_progress(ToolProgress(stage, 1, 1, page, 2))
        await reporter.flush()

    anyio.run(run)
    progress = [reached for reached, _ in sent]
    assert progress == sorted(set(progress)) and progress[-1] == 100
    assert len(sent) == 1 + 2 * 4
    assert sent[3] == (10 + (40 + 5) / 2, "page 2 of 2: looking: 1 of 1 tiles")


def test_progress_that_is_on_its_way_is_out_before_the_answer():
    sent: list[str] = []

    async def send(progress: float, total: float, message: str) -> None:
        await anyio.sleep(0.02)  # a client that is slow to take it
        sent.append(message)

    async def run() -> None:
        reporter = Reporter(send)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reporter.run)
            reporter.on_progress(ToolProgress("decode", 1, 1))
            await anyio.sleep(0.01)  # `run` is sending
            await reporter.flush()
            tasks.cancel_scope.cancel()

    anyio.run(run)
    assert sent == ["writing: 1 tokens of at most 1"]


def test_a_page_that_is_held_back_says_so_in_words():
    page = {"page": 1, "text": "", "abstained": True, "confidence": 0.2, "flags": []}
    other = {"page": 2, "text": "TOTAL", "confidence": 0.9, "flags": ["turned"]}
    image = {"handle": "img:0123456789abcdef", "page": 1, "pages": 2}
    data = {"text": "TOTAL", "confidence": 0.2, "pages": [page, other], "images": [image]}
    assert gist(data) == (
        "page 1 [confidence 0.20]:\n(no answer: the model was not sure enough)\n\n"
        "page 2 [confidence 0.90; flags turned]:\nTOTAL\n\n"
        "[read from img:0123456789abcdef (page 1 of 2): untrusted content]"
    )
