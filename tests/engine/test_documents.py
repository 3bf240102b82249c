"""Documents as images of a request, and read page after page."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from smolvlm_tools import BadOptions, CorruptImage, PageRef, PagesNeeded, SmolVLM
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.pages import open_pages
from tests.support.documents import document, pdf_only, tiff
from tests.support.paths import RECEIPT, SHAPES
from tests.support.pdf_pages import lines, page


@pytest.fixture
def three(tmp_path):
    """A TIFF file of three pages."""
    path = tmp_path / "three.tif"
    path.write_bytes(tiff("red", "blue", "green"))
    return path


@pytest.fixture
def scans(tmp_path):
    """Two pages with print and one without."""
    pages = [Image.open(RECEIPT).convert("RGB"), Image.open(SHAPES).convert("RGB")]
    pages.append(Image.new("RGB", (200, 100), "white"))
    path = tmp_path / "scans.tif"
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:])
    return path


@pytest.mark.parametrize("ask", ["describe", "ask", "extract", "plan", "generate"])
def test_one_image_is_wanted_and_a_document_has_several(vlm, three, ask):
    calls = {
        "describe": lambda: vlm.describe(three),
        "ask": lambda: vlm.ask(three, "What is it?"),
        "extract": lambda: vlm.extract(three, {"type": "object"}),
        "plan": lambda: vlm.plan(three),
        "generate": lambda: vlm.generate(
            [{"role": "user", "content": [{"type": "image", "image": three}]}]
        ),
    }
    with pytest.raises(PagesNeeded, match=r"has 3 pages, and one image is wanted.*pages=") as error:
        calls[ask]()
    assert error.value.pages == 3


def test_chosen_pages_are_images_of_the_prompt_and_the_result_names_them(vlm, three):
    result = vlm.describe(three, pages="3,1")
    source = str(three)
    assert result.sources == (
        PageRef(source=source, page=3, pages=3),
        PageRef(source=source, page=1, pages=3),
    )
    assert str(result.sources[0]) == f"{source}, page 3 of 3"
    assert len(set(result.image_sha256)) == 2


def test_pages_stand_where_their_document_stood(vlm, three):
    """Between two images, in a conversation of two turns."""
    content = [
        {"type": "image", "image": SHAPES},
        {"type": "image", "image": three, "pages": "2-"},
        {"type": "image", "image": RECEIPT},
        {"type": "text", "text": "What are these?"},
    ]
    messages = [
        {"role": "user", "content": [{"type": "image", "image": SHAPES}]},
        {"role": "assistant", "content": "Shapes."},
        {"role": "user", "content": content},
    ]
    result = vlm.generate(messages)
    names = [str(source) for source in result.sources]
    assert names == [
        *(str(SHAPES), str(SHAPES)),
        *(f"{three}, page 2 of 3", f"{three}, page 3 of 3"),
        str(RECEIPT),
    ]


def test_an_image_has_one_page(vlm):
    assert vlm.describe(SHAPES, pages=1).sources == (PageRef(source=str(SHAPES)),)
    assert vlm.describe(Image.new("RGB", (9, 9)), pages="all").sources == (PageRef(),)
    for source in (SHAPES, Image.new("RGB", (9, 9))):
        with pytest.raises(BadOptions, match="there is no page 2"):
            vlm.describe(source, pages=2)
    with pytest.raises(BadOptions, match="pages="):
        vlm.describe(SHAPES, pages="first")


def test_questions_share_one_look_at_the_pages(vlm, three):
    results = vlm.ask_many(three, {"a": "One?", "b": "Two?"}, pages="1-2")
    assert all(len(result.sources) == 2 for result in results.values())
    assert results["a"].usage.cached_tiles < results["a"].usage.tiles
    assert results["b"].usage.cached_tiles == results["b"].usage.tiles > 0


def test_a_document_is_read_page_after_page(embedded, scans):
    with SmolVLM.load(embedded) as vlm:
        seen = []
        result = vlm.transcribe(scans, on_progress=seen.append)
        alone = vlm.transcribe(RECEIPT)
    first, _, last = result.pages
    assert first.text == alone.text
    assert last.text == "" and "blank_image" in last.flags
    assert result.text == "\n\n".join(page.text for page in result.pages)
    assert [source.page for source in result.sources] == [1, 2, 3]
    assert result.usage.completion_tokens == sum(
        page.usage.completion_tokens for page in result.pages
    )
    assert result.confidence == min(page.confidence for page in result.pages)
    assert {(progress.page, progress.pages) for progress in seen} == {(1, 3), (2, 3), (3, 3)}


def test_pages_that_were_read_from_a_document_before_are_read_one_by_one_too(checkpoint, scans):
    with open_pages(scans) as document:
        pages = [document.read(number).encoded for number in (1, 2)]
    with SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a word")) as vlm:
        assert [str(page.sources[0]) for page in vlm.transcribe(pages).pages] == [
            f"{scans}, page 1 of 3",
            f"{scans}, page 2 of 3",
        ]
        assert len(vlm.transcribe([pages[0], SHAPES]).pages) == 2
        assert vlm.transcribe(pages[0]).pages == vlm.transcribe([SHAPES, RECEIPT]).pages == ()


async def test_an_event_loop_gets_the_same_pages(embedded, scans):
    with SmolVLM.load(embedded) as vlm:
        whole = vlm.transcribe(scans, pages="1,3", layout="lines")
        result = await vlm.atranscribe(scans, pages="1,3", layout="lines")
    assert result.text == whole.text
    assert result.value == whole.value == whole.pages[0].value
    assert [source.page for source in result.sources] == [1, 3]


def test_a_document_of_one_page_is_an_image(vlm):
    result = vlm.transcribe(tiff("red"), pages="all")
    assert result.pages == ()
    assert len(result.sources) == 1


@pdf_only
def test_a_pdf_is_a_document(checkpoint):
    with SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " a red circle")) as vlm:
        data = document(2, content=b"1 0 0 rg 100 500 200 200 re f")
        assert [page.text for page in vlm.transcribe(data).pages] == ["a red circle"] * 2
        assert vlm.describe(data, pages=2).sources == (PageRef(page=2, pages=2),)
        assert vlm.describe(BytesIO(document())).text == "a red circle"


def test_a_page_that_fails_is_named(vlm, three):
    data = bytearray(three.read_bytes())
    at = data.rindex(b"\x00\x01\x04\x00\x01\x00\x00\x00")  # the tag of the last page's width
    data[at : at + 2] = b"\xff\xfe"
    with pytest.raises(CorruptImage, match="page 3 of 3: page 3 of the image is damaged"):
        vlm.transcribe(bytes(data))
    assert len(vlm.transcribe(bytes(data), pages="1-2").pages) == 2


async def test_a_busy_engine_delays_the_pages_of_a_call(checkpoint):
    pages = [Image.linear_gradient("L").rotate(90 * n) for n in range(16)]
    file = BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    many = file.getvalue()
    backend = FakeBackend.saying(checkpoint, " a red circle")
    with SmolVLM(checkpoint, backend, max_queue=2, batch_size=1) as vlm:
        vlm._at_once = 16  # more than the queue takes
        result = await vlm.atranscribe(many)
    assert [page.text for page in result.pages] == ["a red circle"] * 16


SENTENCE = "The quick brown fox jumps over the lazy dog and runs away into the woods."


@pytest.fixture
def born_digital():
    """A PDF page of text."""
    text = "\n".join(f"{SENTENCE} {n}" for n in range(8))
    one = page(lines(text))
    return one


@pdf_only
@pytest.mark.parametrize("layout", ["plain", "lines"])
def test_the_text_of_a_born_digital_page_is_its_own(vlm, born_digital, layout):
    result = vlm.transcribe(born_digital, layout=layout)
    assert result.text_source == "layer"
    own = [f"{SENTENCE} {n}" for n in range(8)]
    assert result.text.split("\n") == own
    assert result.usage.completion_tokens == result.usage.prompt_tokens == 0
    assert result.value == (own if layout == "lines" else None)
    assert result.confidence == 1.0


@pdf_only
def test_the_model_reads_what_it_is_told_to(vlm, born_digital):
    asked = vlm.transcribe(born_digital, text="model")
    assert (asked.text, asked.text_source) == ("a red circle", "model")
    assert vlm.transcribe(born_digital, layout="markdown").text == "a red circle"
    assert vlm.describe(born_digital).text == "a red circle"
    with pytest.raises(BadOptions, match="text='layered'"):
        vlm.transcribe(born_digital, text="layered")
