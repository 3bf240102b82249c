"""A second reader, and frames, over MCP: a real client and the real server."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack

import anyio
import pytest
from mcp.client.client import Client
from smolvlm_mcp.results import gist

from smolvlm_tools.tools.image_store import IMAGE_URI
from smolvlm_tools.types import Check
from tests.support.animations import blinking
from tests.support.mcp_servers import PATIENCE, on_http, on_stdio
from tests.support.ocr import ocr_only
from tests.support.paths import RECEIPT

QUESTION = {"question": "What is the total?", "answer_type": "number"}


@ocr_only
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_client_learns_what_a_second_reader_saw_and_looks_at_frames(tmp_path, transport):
    shutil.copy(RECEIPT, tmp_path / "receipt.png")
    (tmp_path / "blink.gif").write_bytes(blinking())
    receipt = {"image": str(tmp_path / "receipt.png"), "check": "ocr"}
    blink = {"image": str(tmp_path / "blink.gif"), "frames": "2", "max_new_tokens": 4}

    async def talk(server):
        with anyio.fail_after(PATIENCE):
            async with Client(server) as client:
                await client.list_tools()  # the client checks results against the schemas
                read = await client.call_tool("transcribe_image", receipt)
                asked = await client.call_tool("answer_question", {**receipt, **QUESTION})
                shown = await client.call_tool("describe_image", blink)
                again = {"image": shown.structured_content["images"][0]["handle"], "frames": "2"}
                facts = await client.read_resource(IMAGE_URI + again["image"].removeprefix("img:"))
                assert json.loads(facts.contents[0].text)["format"] == "GIF"
                return read, asked, shown, await client.call_tool("describe_image", again)

    flags = ("--model", "embedded", "--root", str(tmp_path))
    with ExitStack() as stack:
        http = transport == "http"
        server = stack.enter_context(on_http(*flags)) if http else on_stdio(*flags)
        read, asked, shown, again = anyio.run(talk, server)
    check = Check.model_validate(read.structured_content["check"])
    assert check.agreement == 1 and check.words
    assert "OCR agrees 1.00, has not read 0 of these 4 lines" in read.content[0].text
    assert Check.model_validate(asked.structured_content["check"]).evidence[""].box
    assert "printed: the answer at " in asked.content[0].text
    for result in (shown, again):
        assert len(result.structured_content["shown_at"]) == 2


def test_the_text_says_where_nothing_is_printed():
    check = {"agreement": None, "evidence": {}}
    data = {"text": "7", "confidence": 0.5, "check": check, "images": []}
    assert gist(data) == "7\n[confidence 0.50; printed: not found]"
