"""LangChain's own standard suites, whole, on the checkpoint in the package."""

from __future__ import annotations

import shutil
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.support.paths import ROOT

pytest.importorskip("langchain_tests", reason="LangChain's suites are not installed")

from langchain_smolvlm import ChatSmolVLM, SmolVLMToolkit
from langchain_tests.integration_tests import ChatModelIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, ToolsUnitTests

from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER
from smolvlm_tools.tools import TOOLS

SHAPES = ROOT / "examples" / "images" / "shapes.png"
TWIN = "twin"
"""Another checkpoint, to override the model with."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "describe_image": {"image": "shapes.png", "detail": "brief"},
    "answer_question": {"image": "shapes.png", "question": "What color is the circle?"},
    "answer_questions": {
        "image": "shapes.png",
        "questions": [{"name": "color", "question": "What color is the circle?"}],
    },
    "transcribe_image": {"image": "shapes.png", "max_new_tokens": 8},
    "extract_fields": {
        "image": "shapes.png",
        "schema": {"type": "object", "properties": {"circles": {"type": "integer"}}},
        "max_new_tokens": 32,
    },
    "compare_images": {"images": ["shapes.png", "shapes.png"], "max_new_tokens": 8},
    "plan_image": {"image": "shapes.png"},
    "load_image": {"image": "shapes.png"},
}


def download(url: str, *_: object, **__: object) -> SimpleNamespace:
    """What the suites' downloads get instead of the internet, in the format that the URL names."""
    out = BytesIO()
    kind = "PNG" if url.endswith(".png") else "JPEG"
    Image.open(SHAPES).convert("RGB").save(out, kind)
    return SimpleNamespace(content=out.getvalue())


@pytest.fixture(autouse=True)
def offline(tmp_path_factory, monkeypatch):
    """No download leaves this machine; the twin and an image lie in the working directory."""
    folder = tmp_path_factory.getbasetemp() / "langchain_standard"
    if not folder.exists():
        shutil.copytree(EMBEDDED_FOLDER, folder / TWIN)
        shutil.copy(SHAPES, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("langchain_tests.integration_tests.chat_models.httpx.get", download)
    monkeypatch.setattr(
        "smolvlm_tools.images.fetch.fetch_url", lambda url, policy: download(url).content
    )


class _Chat:
    """What both suites of the chat model are told."""

    chat_model_class = ChatSmolVLM
    chat_model_params = {"model": "embedded", "max_new_tokens": 256}  # noqa: RUF012
    supports_image_inputs = True
    supports_image_urls = True
    supports_json_mode = True
    returns_usage_metadata = True
    supports_model_override = True
    model_override_value = TWIN
    supported_usage_metadata_details = {"invoke": [], "stream": []}  # noqa: RUF012
    has_tool_calling = False  # there is a `bind_tools`, which says why there is none


class TestChatUnit(_Chat, ChatModelUnitTests):
    """The unit tests."""


class TestChat(_Chat, ChatModelIntegrationTests):
    """The integration tests."""


class TestStreamingChat(_Chat, ChatModelIntegrationTests):
    """The same with streaming switched on."""

    chat_model_params = {**_Chat.chat_model_params, "streaming": True}  # noqa: RUF012


def of_tool(suite: type, name: str) -> type:
    """The suite for one tool."""
    tool = next(tool for tool in SmolVLMToolkit(model="embedded").get_tools() if tool.name == name)
    fields = {"tool_constructor": tool, "tool_invoke_params_example": EXAMPLES[name]}
    return type(f"Test_{name}", (suite,), fields)


for _name in TOOLS:
    globals()[f"TestUnit_{_name}"] = of_tool(ToolsUnitTests, _name)
    globals()[f"TestUse_{_name}"] = of_tool(ToolsIntegrationTests, _name)
