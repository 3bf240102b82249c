"""Documents in the tools: which pages are looked at, under which handles, and how they are read."""

from __future__ import annotations

import json
import threading

import anyio
import pytest
from jsonschema import Draft202012Validator

from smolvlm_tools import (
    BadArguments,
    BadOptions,
    Cancelled,
    PagesNeeded,
)
from smolvlm_tools.tools import TOOLS, Toolbox
from tests.support.documents import tiff
from tests.support.paths import RECEIPT, SHAPES
from tests.support.picture_books import book
from tests.support.pictures import noise
from tests.support.tool_calls import CALLS, TOTAL, saying

CIRCLE = {"question": "What color is the circle?"}
TOGETHER = {
    "describe_image": {"image": "book.tif"},
    "answer_question": {"image": "book.tif", **CIRCLE},
    "answer_questions": {"image": "book.tif", "questions": CALLS["answer_questions"]["questions"]},
    "extract_fields": {"image": "book.tif", "schema": TOTAL},
    "plan_image": {"image": "book.tif"},
    "load_image": {"image": "book.tif"},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with a document of three pages: shapes, receipt, shapes."""
    monkeypatch.chdir(tmp_path)
    book(tmp_path / "book.tif")
    return tmp_path


@pytest.fixture
def toolbox(vlm, folder):
    return Toolbox(vlm)


def places(output):
    return [(image.page, image.pages) for image in output.images]


@pytest.mark.parametrize("name", TOGETHER)
def test_a_document_without_pages_is_refused_with_its_length_and_what_to_write(toolbox, name):
    with pytest.raises(PagesNeeded, match=r"'book\.tif' has 3 pages") as caught:
        toolbox.call(name, TOGETHER[name])
    assert 'pages="1"' in caught.value.remedy and caught.value.pages == 3


@pytest.mark.parametrize("name", [name for name in TOGETHER if name != "load_image"])
def test_chosen_pages_are_looked_at_together_and_each_is_named(toolbox, name):
    output = toolbox.call(name, {**TOGETHER[name], "pages": "1,3"})
    assert places(output) == [(1, 3), (3, 3)]
    assert len({image.handle for image in output.images}) == 1  # two pages that look the same
    tiles = output.tiles if name == "plan_image" else output.usage.tiles
    assert tiles == 2 * 5
    Draft202012Validator(TOOLS[name].output_schema()).validate(output.model_dump(mode="json"))


def test_a_page_is_answered_like_the_picture_it_shows(toolbox):
    page = toolbox.call("answer_question", {"image": "book.tif", "pages": "3", **CIRCLE})
    assert page.value == "red" and places(page) == [(3, 3)]
    again = toolbox.call("answer_question", {"image": page.images[0].handle, **CIRCLE})
    assert again.value == "red" and again.images == page.images


def test_a_plain_image_has_no_page_in_its_result(toolbox, folder):
    (folder / "shapes.png").write_bytes(SHAPES.read_bytes())
    for pages in ({}, {"pages": "1"}):
        output = toolbox.call("describe_image", {"image": "shapes.png", **pages})
        assert not {"page", "pages"} & set(output.model_dump()["images"][0])
    with pytest.raises(BadOptions, match=r"no page 2 in 'shapes\.png'"):
        toolbox.call("describe_image", {"image": "shapes.png", "pages": "2"})


def test_one_page_is_loaded_and_its_handle_is_that_page(toolbox):
    loaded = toolbox.call("load_image", {"image": "book.tif", "pages": "2"})
    assert (loaded.page, loaded.pages, loaded.format) == (2, 3, "PNG")
    assert toolbox.call("load_image", {"image": loaded.handle, "pages": "1"}) == loaded
    with pytest.raises(BadOptions, match="no page 2 in img:"):
        toolbox.call("load_image", {"image": loaded.handle, "pages": "2"})
    with pytest.raises(BadArguments, match="gives 2 images, and one call takes 1") as caught:
        toolbox.call("load_image", {"image": "book.tif", "pages": "1-2"})
    assert "Call once for each page" in caught.value.remedy


@pytest.mark.parametrize(
    ("pages", "error", "said"),
    [
        ("4", BadOptions, r"no page 4 in 'book\.tif'. It has 3 pages"),
        ("0", BadOptions, "has the range '0'"),
        ("second", BadOptions, "is not a selection of pages"),
        (2, BadArguments, "'pages'.*valid string.*a number"),
        ("1," * 150, BadArguments, "'pages'.*at most 200 characters"),
    ],
)
def test_pages_that_mean_nothing_are_refused(toolbox, pages, error, said):
    with pytest.raises(error, match=said):
        toolbox.call("describe_image", {"image": "book.tif", "pages": pages})


def test_pages_of_one_document_can_be_compared(toolbox):
    output = toolbox.call("compare_images", {"images": ["book.tif"], "pages": "1-2"})
    assert places(output) == [(1, 3), (2, 3)]
    with pytest.raises(BadArguments, match="1 image is there, and this needs 2"):
        toolbox.call("compare_images", {"images": ["book.tif"], "pages": "2"})
    several = toolbox.call("compare_images", {"images": ["book.tif", "book.tif"], "pages": "2"})
    assert places(several) == [(2, 3), (2, 3)]


def test_images_and_pages_of_a_call_are_eight_at_most(toolbox, folder):
    (folder / "long.tif").write_bytes(tiff(*["red"] * 9))
    with pytest.raises(BadArguments, match=r"'long\.tif' gives 9 images, and one call takes 8"):
        toolbox.call("describe_image", {"image": "long.tif", "pages": "all"})
    with pytest.raises(BadArguments, match="gives 3 images after 6 others"):
        toolbox.call("describe_image", {"images": ["book.tif"] * 3, "pages": "all"})
    with pytest.raises(PagesNeeded, match="9 pages, and there is room for 8") as caught:
        toolbox.call("transcribe_image", {"image": "long.tif"})
    assert 'pages="1-8"' in caught.value.remedy
    with pytest.raises(PagesNeeded, match="3 pages, and there is room for 2"):
        toolbox.call("transcribe_image", {"images": ["book.tif"] * 3})
    (folder / "eight.tif").write_bytes(tiff(*["red"] * 8))
    with pytest.raises(BadArguments, match="gives 3 images after 8 others"):
        toolbox.call("transcribe_image", {"images": ["eight.tif", "book.tif"]})


# Reading


def test_every_page_is_read_by_itself_and_all_of_them_without_pages(toolbox, vlm):
    alone = [vlm.transcribe(str(picture)).text for picture in (SHAPES, RECEIPT, SHAPES)]
    output = toolbox.call("transcribe_image", {"image": "book.tif"})
    assert [page.text for page in output.pages] == alone
    assert [page.page for page in output.pages] == [1, 2, 3]
    assert output.text == "\n\n".join(filter(None, alone)) and "TOTAL" in output.text.upper()
    assert output.confidence == min(page.confidence for page in output.pages)
    assert places(output) == [(1, 3), (2, 3), (3, 3)]
    Draft202012Validator(TOOLS["transcribe_image"].output_schema()).validate(
        json.loads(output.model_dump_json())
    )


def test_one_page_is_read_like_an_image(toolbox, vlm):
    output = toolbox.call("transcribe_image", {"image": "book.tif", "pages": "2"})
    assert output.text == vlm.transcribe(str(RECEIPT)).text
    assert output.pages is None and places(output) == [(2, 3)]


def test_lines_are_those_of_all_pages(toolbox, vlm):
    output = toolbox.call(
        "transcribe_image", {"image": "book.tif", "pages": "2,2-3", "layout": "lines"}
    )
    pages = [
        vlm.transcribe(str(picture), layout="lines").value or [] for picture in (RECEIPT, SHAPES)
    ]
    assert output.value == pages[0] + pages[1] and len(pages[0]) > 1


def test_handles_of_pages_are_read_one_by_one_too(toolbox):
    handles = [
        image.handle for image in toolbox.call("transcribe_image", {"image": "book.tif"}).images
    ]
    output = toolbox.call("transcribe_image", {"images": handles[:2]})
    assert len(output.pages) == 2


def test_a_page_below_min_confidence_is_held_back_alone(toolbox):
    read = toolbox.call("transcribe_image", {"image": "book.tif", "pages": "1-2"})
    low, high = sorted(page.confidence for page in read.pages)
    between = {"image": "book.tif", "pages": "1-2", "min_confidence": (low + high) / 2}
    output = toolbox.call("transcribe_image", between)
    held = [page for page in output.pages if page.abstained]
    (shown,) = [page for page in output.pages if not page.abstained]
    assert len(held) == 1 and held[0].text == ""
    assert output.text == shown.text and output.abstained
    nothing = toolbox.call("transcribe_image", {**between, "min_confidence": 1.0})
    assert nothing.abstained and nothing.text == "" and nothing.value is None


def test_a_plan_of_reading_is_that_of_the_pages_one_by_one(toolbox, folder):
    plan = {"image": "book.tif", "task": "transcribe"}
    whole = toolbox.call("plan_image", plan)
    each = [toolbox.call("plan_image", {**plan, "pages": str(page)}) for page in (1, 2, 3)]
    assert whole.tiles == sum(one.tiles for one in each)
    assert whole.prompt_tokens == sum(one.prompt_tokens for one in each)
    assert whole.predicted_bytes == max(one.predicted_bytes for one in each)
    assert "Each page is read by itself" in whole.basis and whole.seconds is None
    noise((320, 240), seed=15).save(folder / "never-seen.png")  # or its look would be remembered
    toolbox.call("transcribe_image", {"image": "never-seen.png"})
    whole = toolbox.call("plan_image", plan)
    each = [toolbox.call("plan_image", {**plan, "pages": str(page)}) for page in (1, 2, 3)]
    assert whole.seconds == pytest.approx(sum(one.seconds for one in each), abs=0.01)


def test_progress_names_the_page_and_a_call_can_be_ended(checkpoint, folder):
    told, cancel = [], threading.Event()
    with saying(checkpoint, " a b c") as vlm:
        toolbox = Toolbox(vlm)
        toolbox.call("transcribe_image", {"image": "book.tif"}, on_progress=told.append)
        assert {event.page for event in told} == {1, 2, 3}
        assert {event.pages for event in told} == {3}

        def stop_at_page_2(event):
            if event.page == 2:
                cancel.set()

        with pytest.raises(Cancelled):
            toolbox.call(
                "transcribe_image", {"image": "book.tif"}, on_progress=stop_at_page_2, cancel=cancel
            )


def test_a_loop_gets_the_same_pages(toolbox):
    here = toolbox.call("transcribe_image", {"image": "book.tif", "layout": "lines"})
    there = anyio.run(toolbox.acall, "transcribe_image", {"image": "book.tif", "layout": "lines"})
    assert (there.text, there.value, there.pages) == (here.text, here.value, here.pages)
