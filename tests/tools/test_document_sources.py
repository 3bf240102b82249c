"""Documents in the image store: PDF files, damage, limits, and what errors may say."""

from __future__ import annotations

import base64
import dataclasses
import sys

import pytest

import smolvlm_tools.tools.image_store as image_store
from smolvlm_tools import (
    BackendUnavailable,
    BadEncoding,
    CorruptImage,
    ImageTooLarge,
    PagesNeeded,
    PasswordRequired,
    PathNotAllowed,
)
from smolvlm_tools.tools import ImageStore, Toolbox, agent_policy
from tests.support.documents import RED_SQUARE, document, encrypted, pdf_only, tiff
from tests.support.picture_books import book


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_data_uri(data, mime="application/pdf"):
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


@pdf_only
@pytest.mark.parametrize("isolate", [True, False])
def test_every_form_of_a_pdf_leads_to_the_same_pages(folder, isolate):
    data = document(3, content=RED_SQUARE)
    (folder / "a.pdf").write_bytes(data)
    store = ImageStore(agent_policy().model_copy(update={"isolate": isolate}))
    first = store.load_pages("a.pdf", "2-3")
    assert [(page.page, page.pages, page.format) for page in first] == [
        (2, 3, "PNG"),
        (3, 3, "PNG"),
    ]
    assert not first[0].is_blank and max(first[0].size) == 2048
    forms = [str(folder / "a.pdf"), (folder / "a.pdf").as_uri(), as_data_uri(data)]
    for form in [*forms, base64.b64encode(data).decode()]:
        assert store.load_pages(form, "2-3") == first
    assert store.load(first[1].handle).page == 3
    assert store.held_bytes == len(first[0].data)  # the pages look the same


@pdf_only
def test_a_pdf_of_one_page_is_an_image(folder, vlm):
    with pytest.raises(PagesNeeded, match="the data URI has 2 pages"):
        ImageStore().load(as_data_uri(document(2)))
    toolbox = Toolbox(vlm)
    loaded = toolbox.call("load_image", {"image": as_data_uri(document(content=RED_SQUARE))})
    assert loaded.page is None and not loaded.is_blank
    blank = toolbox.call("load_image", {"image": as_data_uri(document())})
    assert blank.is_blank
    reply = toolbox.call("describe_image", {"image": blank.handle, "max_new_tokens": 4})
    assert "blank_image" in reply.flags


@pdf_only
def test_a_password_is_wanted_and_no_tool_takes_one(folder, vlm):
    (folder / "a.pdf").write_bytes(encrypted(b"secret"))
    with pytest.raises(PasswordRequired, match=r"'a\.pdf' is encrypted"):
        Toolbox(vlm).call("transcribe_image", {"image": "a.pdf"})


@pdf_only
def test_a_document_keeps_to_the_policy(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.pdf"
    elsewhere.write_bytes(document(2))
    with pytest.raises(PathNotAllowed):
        ImageStore().load_pages(str(elsewhere), "1")
    policy = agent_policy([elsewhere.parent])
    small = policy.model_copy(update={"max_bytes": len(elsewhere.read_bytes()) - 1})
    with pytest.raises(ImageTooLarge):
        ImageStore(small).load_pages(str(elsewhere), "1")
    few = policy.model_copy(update={"max_pixels": 1_000_000})
    with pytest.raises(ImageTooLarge, match="page 1 of 2"):
        ImageStore(few).load_pages(str(elsewhere), "1")
    with pytest.raises(BadEncoding, match="claims to be 'image/png' but holds a PDF"):
        ImageStore().load_pages(as_data_uri(document(), "image/png"))
    assert ImageStore(policy).load_pages(str(elsewhere), "1")[0].pages == 2


def test_without_pdfium_the_extra_is_named(folder, vlm, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    (folder / "a.pdf").write_bytes(document(2))
    here = agent_policy().model_copy(update={"isolate": False})  # where the patch is
    with pytest.raises(BackendUnavailable, match=r"smolvlm-tools\[pdf\]"):
        Toolbox(vlm, policy=here).call("load_image", {"image": "a.pdf", "pages": "1"})


def test_a_damaged_page_is_named_and_the_others_can_be_read(folder, vlm):
    data = bytearray(book(folder / "a.tif").read_bytes())
    frames = len(data)
    (folder / "a.tif").write_bytes(data[: frames - frames // 4])
    toolbox = Toolbox(vlm)
    with pytest.raises(CorruptImage) as caught:
        toolbox.call("transcribe_image", {"image": str(folder / "a.tif"), "pages": "3"})
    assert "page 3 of" in caught.value.reason and str(folder / "a.tif") in caught.value.reason


def test_a_page_does_not_know_the_name_of_its_file(folder):
    (folder / "secret-name.tif").write_bytes(tiff("red", "blue"))
    page = ImageStore().load_pages("secret-name.tif", "2")[0]
    assert page.encoded.ref.page == 2 and page.encoded.ref.source is None
    assert "secret" not in page.encoded.name
    assert not any("secret" in str(value) for value in dataclasses.asdict(page).values())


def test_documents_are_opened_under_the_stores_policy(folder, monkeypatch):
    """So that what the policy says about isolation holds."""
    seen, real = [], image_store.open_pages

    def opened(source, policy):
        seen.append(policy)
        return real(source, policy)

    monkeypatch.setattr(image_store, "open_pages", opened)
    (folder / "a.tif").write_bytes(tiff("red", "blue"))
    store = ImageStore()
    assert len(store.load_pages("a.tif", "all")) == 2
    assert len(seen) == 1 and seen[0] is store.policy
