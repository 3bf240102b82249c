"""Documents in messages to `SmolVLMLLM`."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")
from llama_index.core.base.llms.types import ChatMessage, DocumentBlock, ImageBlock, TextBlock

from smolvlm_tools import BadOptions, PagesNeeded
from tests.support.documents import pdf_only
from tests.support.llama_index_questions import QUESTION
from tests.support.llama_index_scenes import paged


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "scan.pdf"
    paged(path, ["red", "green", "blue"])
    return path


@pytest.fixture(autouse=True)
def in_their_folder(pdf, monkeypatch):
    """Files in messages are read below the working directory."""
    monkeypatch.chdir(pdf.parent)


def asked(block, **extra):
    return [ChatMessage(blocks=[block, TextBlock(text=QUESTION)], additional_kwargs=extra)]


def blocks(path):
    return {
        "document path": DocumentBlock(path=path),
        "document data": DocumentBlock(data=path.read_bytes(), document_mimetype="application/pdf"),
        "image path": ImageBlock(path=path),
    }


NAMES = ["document path", "document data", "image path"]


@pdf_only
@pytest.mark.parametrize("name", NAMES)
def test_the_chosen_page_is_shown(llm, pdf, name):
    messages = asked(blocks(pdf)[name], pages=3)
    reply = llm.chat(messages)
    assert reply.message.content == "blue" and reply.raw["sources"][0]["page"] == 3
    assert asyncio.run(llm.achat(messages)).message.content == "blue"
    assert llm.chat(asked(blocks(pdf)[name]), pages="1").message.content == "red"


@pdf_only
@pytest.mark.parametrize("name", NAMES)
def test_a_document_of_several_pages_wants_to_know_which(llm, pdf, name):
    with pytest.raises(PagesNeeded, match="3 pages"):
        llm.chat(asked(blocks(pdf)[name]))


@pdf_only
def test_several_pages_are_several_images(llm, pdf):
    reply = llm.chat(asked(DocumentBlock(path=pdf), pages="1-2"))
    assert [source["page"] for source in reply.raw["sources"]] == [1, 2]
    with pytest.raises(BadOptions, match="first"):
        llm.chat(asked(DocumentBlock(path=pdf), pages="first"))
