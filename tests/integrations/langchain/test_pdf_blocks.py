"""Documents in messages: every shape of block shows the pages that were chosen."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.messages import HumanMessage
from langchain_smolvlm.messages import to_messages

from smolvlm_tools import BadOptions, PagesNeeded, UnsupportedFormat
from tests.support.documents import pdf_only
from tests.support.llama_index_scenes import paged

QUESTION = "What color is the circle?"


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "scan.pdf"
    paged(path, ["red", "green", "blue"])
    return path


@pytest.fixture(autouse=True)
def in_their_folder(pdf, monkeypatch):
    """Files in messages are read below the working directory."""
    monkeypatch.chdir(pdf.parent)


def shapes(path):
    text = base64.b64encode(path.read_bytes()).decode()
    data = f"data:application/pdf;base64,{text}"
    mime = {"mime_type": "application/pdf"}
    return {
        "v1": {"type": "file", "base64": text, **mime},
        "v1 extras": {"type": "file", "base64": text, **mime},
        "v0": {"type": "file", "source_type": "base64", "data": text, **mime},
        "openai": {"type": "file", "file": {"file_data": data, "filename": "scan.pdf"}},
        "openai inner": {"type": "file", "file": {"file_data": data, "filename": "scan.pdf"}},
        "anthropic": {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": text},
        },
        "file path": {"type": "file", "path": str(path), **mime},
        "file path alone": {"type": "file", "path": str(path)},
        "image path": {"type": "image", "path": str(path)},
        "data uri": {"type": "image_url", "image_url": {"url": data}},
    }


def chosen(name, block, pages):
    """The block with its pages, where that shape has room for them."""
    if name == "v1 extras":
        return {**block, "extras": {"pages": pages}}
    if name == "openai inner":
        return {**block, "file": {**block["file"], "pages": pages}}
    return {**block, "pages": pages}


def asked(block):
    return [HumanMessage([block, {"type": "text", "text": QUESTION}])]


NAMES = [
    "v1", "v1 extras", "v0", "openai", "openai inner", "anthropic", "file path",
    "file path alone", "image path", "data uri",
]  # fmt: skip


@pdf_only
@pytest.mark.parametrize("name", NAMES)
def test_the_chosen_page_is_shown(chat, pdf, name):
    block = chosen(name, shapes(pdf)[name], "3")
    reply = chat.invoke(asked(block))
    assert reply.text == "blue"
    (source,) = reply.response_metadata["sources"]
    assert (source["page"], source["pages"]) == (3, 3)
    assert "".join(chunk.text for chunk in chat.stream(asked(block))) == "blue"


@pdf_only
def test_several_pages_are_several_images(chat, pdf):
    block = {"type": "file", "path": str(pdf), "pages": "1-2"}
    reply = chat.invoke(asked(block))
    assert [source["page"] for source in reply.response_metadata["sources"]] == [1, 2]
    by_option = chat.invoke(asked({"type": "file", "path": str(pdf)}), pages="2")
    assert by_option.response_metadata["sources"][0]["page"] == 2


@pdf_only
@pytest.mark.parametrize("name", NAMES)
def test_a_document_of_several_pages_wants_to_know_which(chat, pdf, name):
    with pytest.raises(PagesNeeded, match="3 pages"):
        chat.invoke(asked(shapes(pdf)[name]))


@pdf_only
def test_a_document_of_one_page_is_an_image(chat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paged(tmp_path / "one.pdf", ["red"])
    assert chat.invoke(asked({"type": "file", "path": str(tmp_path / "one.pdf")})).text == "red"


def test_a_selection_that_means_nothing_is_an_error(pdf):
    block = {"type": "file", "path": str(pdf), "pages": "first"}
    with pytest.raises(BadOptions, match="first"):
        to_messages([HumanMessage([block])])


@pytest.mark.parametrize("name", ["table.xlsx", "nothing"])
def test_a_file_that_is_no_image_or_document_is_an_error(name):
    with pytest.raises(UnsupportedFormat):
        to_messages([HumanMessage([{"type": "file", "path": name}])])
