"""A worker's pages are those that `open_pages` gives, and so are its errors."""

from __future__ import annotations

import hashlib

import pytest

import smolvlm_tools.errors as errors
from smolvlm_tools import ImagePolicy, SmolVLMError
from smolvlm_tools.images import EncodedImage
from smolvlm_tools.pages import Pages, Picture, TextLayer, open_pages
from smolvlm_tools.pages.worker import DocumentWorker, open_with
from smolvlm_tools.pages.worker.calls import CALLS
from smolvlm_tools.sandbox.coding import decode_error, encode_error
from smolvlm_tools.types import PageRef
from tests.support.documents import RED_SQUARE, document, encrypted, pdf_only, png, tiff
from tests.support.pdf_pages import draw, image, lines, page
from tests.support.workers import encoded

pytestmark = pdf_only


@pytest.fixture(scope="module")
def worker():
    with DocumentWorker() as worker:
        yield worker


TEXT = "The quick brown fox jumps over the lazy dog and reads on.\n" * 6
WRITTEN = page(
    lines(TEXT) + draw(b"X0", 100, 200, 300, 200), xobjects=[image(60, 40, b"\x20\x80\xf0")]
)
GOOD = {
    "written": (WRITTEN, {}),
    "pdf": (document(3, content=RED_SQUARE), {}),
    "small": (document(2, content=RED_SQUARE), {"longest_edge": 100}),
    "encrypted": (encrypted(b"secret"), {"password": "secret"}),
    "tiff": (tiff("red", "green", "blue"), {}),
    "png": (png(), {}),
}


@pytest.mark.parametrize("name", GOOD)
def test_pages_are_equal_in_everything(worker, name):
    data, options = GOOD[name]
    source = EncodedImage(data, f"{name}.doc", None, PageRef(source=f"in/{name}.doc"))
    with worker.open(source, **options) as there, open_pages(source, **options) as here:
        assert len(there) == len(here)
        assert there.source == here.source == f"in/{name}.doc"
        for number in range(len(here), 0, -1):
            assert there.read(number) == here.read(number)
            assert there.text(number) == here.text(number)
            assert tuple(there.pictures(number)) == tuple(here.pictures(number))


def test_text_and_pictures_are_there_to_be_compared():
    with open_pages(WRITTEN) as pages:
        assert pages.text(1).is_sound and len(pages.pictures(1)) == 1


BAD = {
    "damaged": (encoded(document()[:80]), None, {}),
    "empty": (encoded(b""), None, {}),
    "text": (encoded(b"not an image"), None, {}),
    "claims": (encoded(document(), mime="image/png"), None, {}),
    "locked": (encoded(encrypted(b"secret")), None, {}),
    "wrong password": (encoded(encrypted(b"secret")), None, {"password": "guess"}),
    "too many pages": (encoded(document(3)), None, {"max_pages": 2}),
    "no edge": (encoded(document()), None, {"longest_edge": 0}),
    "too many pixels": (encoded(tiff("red", "blue")), ImagePolicy(max_pixels=99), {}),
    "too many frames": (encoded(tiff("red", "blue")), ImagePolicy(max_frames=1), {}),
    "a lone surrogate": (encoded(document()[:80], "\ud800.pdf"), None, {}),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_are_the_same(worker, name):
    source, policy, options = BAD[name]
    with pytest.raises(SmolVLMError) as here:
        open_pages(source, policy, **options)
    with pytest.raises(SmolVLMError) as there:
        worker.open(source, policy, **options)
    assert type(there.value) is type(here.value)
    assert (there.value.reason, there.value.remedy) == (here.value.reason, here.value.remedy)


def test_a_page_that_is_not_there(worker):
    with worker.open(encoded(document(2))) as pages:
        with pytest.raises(errors.BadOptions, match="no page 3"):
            pages.read(3)
        assert [page.number for page in pages] == [1, 2]


def through(call: str, value):
    return CALLS[call].unpack(CALLS[call].pack(value))


def test_text_layers_and_pictures_arrive_as_they_were():
    layer = TextLayer("one\ntwo \ud800 €", "ocr", has_hidden=True)
    assert through("text", layer) == layer
    assert through("text", None) is None
    data = b"\x00\xff" * 9
    digest = hashlib.sha256(data).hexdigest()
    pictures = tuple(
        Picture(number, (0.0, 0.1, 1 / 3, 1.0), data, "image/png", digest, 3, 6)
        for number in (1, 2)
    )
    assert through("pictures", pictures) == pictures
    assert through("pictures", ()) == ()


@pytest.mark.parametrize(
    "error",
    [
        errors.PagesNeeded("three pages", "Say which.", 3),
        errors.Busy("full", "Wait.", 2.5),
        errors.SchemaNotSupported("no", "Yes.", "keyword"),
        errors.CorruptImage("a b", "c"),
    ],
)
def test_errors_arrive_with_what_they_know(error):
    arrived = decode_error(encode_error(error, "x.pdf"))
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)
    assert arrived.args == (error.reason, error.remedy)


def test_an_error_of_no_kind_of_ours_says_what_it_was():
    arrived = decode_error(encode_error(ZeroDivisionError("by zero"), "page 2 of x.pdf"))
    assert type(arrived) is errors.CorruptImage
    assert arrived.reason == "page 2 of x.pdf cannot be read (ZeroDivisionError: by zero)"


def test_policies_that_isolate_open_documents_in_a_child(monkeypatch):
    opened = []

    def spy(ask, source, *arguments, **options):
        opened.append(source.name)
        return Pages(1, lambda number: pytest.fail("not asked"))

    monkeypatch.setattr("smolvlm_tools.pages.opening.open_with", spy)
    policy = ImagePolicy(isolate=True)
    for source in (document(), tiff("red", "blue"), png(), tiff("red")):
        open_pages(encoded(source, f"{len(source)}"), policy).close()
    assert opened == [f"{len(document())}", f"{len(tiff('red', 'blue'))}"]


def test_an_isolated_page_is_the_same_page():
    data = document(2, content=RED_SQUARE)
    with open_pages(data, ImagePolicy(isolate=True)) as there, open_pages(data) as here:
        assert [*there] == [*here]


@pytest.mark.parametrize(
    "answer",
    [({}, []), ({"number": 1}, [b"x"]), ({"error": "SystemExit"}, []), ({"error": "os"}, [])],
)
def test_a_child_that_answers_nonsense_is_an_error_too(answer):
    given = [({"pages": 1, "has_text": True}, []), answer]
    pages = open_with(lambda *call: given.pop(0), encoded(b""), ImagePolicy())
    with pytest.raises(errors.DocumentTooCostly, match="nonsense"):
        pages.read(1)
