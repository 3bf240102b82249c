"""docs/serve.md's other clients, where installed: `pip install langchain-openai litellm`."""

from __future__ import annotations

import base64

import pytest
import yaml

from tests.support.document_blocks import the_block
from tests.support.paths import SHAPES
from tests.support.serve_servers import served

PICTURE = "data:image/png;base64," + base64.b64encode(SHAPES.read_bytes()).decode()
ASKED = [
    {"type": "image_url", "image_url": {"url": PICTURE}},
    {"type": "text", "text": "What color is the circle?"},
]


@pytest.fixture(scope="module")
def url():
    with served() as address:
        yield address


def test_langchains_chat_openai_sees(url):
    langchain_openai = pytest.importorskip("langchain_openai", reason="it is not installed")
    chat = langchain_openai.ChatOpenAI(base_url=f"{url}/v1", api_key="none", model="embedded")
    assert chat.invoke([{"role": "user", "content": ASKED}]).text == "red"
    assert "".join(c.text for c in chat.stream([{"role": "user", "content": ASKED}])) == "red"


def test_litellm_sees(url):
    litellm = pytest.importorskip("litellm", reason="it is not installed")
    shown = yaml.safe_load(the_block("docs/serve.md", "yaml", "litellm_params"))
    options = shown["model_list"][0]["litellm_params"] | {"api_base": f"{url}/v1"}
    reply = litellm.completion(messages=[{"role": "user", "content": ASKED}], **options)
    assert reply.choices[0].message.content == "red"
