"""Pages of PDF files, honest and hostile ones, made on the fly."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
import zlib
from io import BytesIO

import pytest

from smolvlm_tools import (
    BackendUnavailable,
    BadEncoding,
    CorruptImage,
    ImageNotFound,
    ImagePolicy,
    ImageTooLarge,
    PasswordRequired,
    PathNotAllowed,
    load_image,
)
from smolvlm_tools.pages import open_pages, read_pages
from tests.support.documents import (
    RED_SQUARE,
    document,
    encrypted,
    pdf,
    pdf_only,
    png,
    stream,
)


@pdf_only
def test_a_pdf_page_is_what_is_drawn_on_it():
    [page] = read_pages(document(content=RED_SQUARE))
    image = load_image(page.data)
    assert (page.number, page.total, page.mime) == (1, 1, "image/png")
    assert max(image.size) == 2048 == max(page.width, page.height)
    assert image.size == (page.width, page.height)
    assert image.sha256 == page.sha256
    assert image.pixels.getpixel((600, 400)) == (255, 0, 0)
    assert image.pixels.getpixel((600, 1500)) == (255, 255, 255)


@pdf_only
@pytest.mark.parametrize("kind", ["path", "bytes", "file", "data URI"])
def test_a_pdf_comes_from_every_kind_of_source(kind, tmp_path):
    data = document(2)
    path = tmp_path / "two.pdf"
    path.write_bytes(data)
    source = {
        "path": path,
        "bytes": data,
        "file": BytesIO(data),
        "data URI": f"data:application/pdf;base64,{base64.b64encode(data).decode()}",
    }[kind]
    assert [page.number for page in read_pages(source)] == [1, 2]


@pdf_only
def test_pages_are_rendered_only_when_they_are_asked_for(monkeypatch):
    from smolvlm_tools.pages.pdf import document as pages

    rendered: list[int] = []
    render = pages.render_page
    monkeypatch.setattr(
        pages, "render_page", lambda page, edge: rendered.append(edge) or render(page, 64)
    )
    walk = read_pages(document(50))
    assert next(walk).number == 1
    assert next(walk).total == 50
    assert len(rendered) == 2
    walk.close()


@pdf_only
def test_threads_may_read_documents_at_the_same_time():
    found: list[tuple[int, ...]] = []
    data = [document(3, content=RED_SQUARE), document(4)]

    def read(source):
        found.append(tuple(page.number for page in read_pages(source, longest_edge=128)))

    threads = [threading.Thread(target=read, args=(data[i % 2],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(1, 2, 3)] * 4 + [(1, 2, 3, 4)] * 4


@pdf_only
def test_a_broken_page_leaves_the_others_readable():
    data = document(3).replace(
        b"5 0 obj\n<</Type/Page/Parent 2 0 R", b"5 0 obj\n<</Type/None/Parent 9 0"
    )
    with open_pages(data, longest_edge=64) as pages:
        read = []
        for number in range(1, len(pages) + 1):
            try:
                read.append(pages.read(number).number)
            except CorruptImage as error:
                assert f"page {number} of the image" in error.reason
                read.append(0)
    assert len(read) == 3
    assert read[0] == 1
    assert read[2] == 3


@pdf_only
def test_an_encrypted_document_needs_its_password():
    data = encrypted(b"secret")
    with pytest.raises(PasswordRequired, match="is encrypted"):
        open_pages(data)
    with pytest.raises(PasswordRequired, match="does not open with that password"):
        open_pages(data, password="wrong")
    [page] = read_pages(data, password="secret", longest_edge=64)
    assert page.total == 1


@pdf_only
@pytest.mark.parametrize(
    "box",
    [b"0 0 1000000 1000000", b"0 0 1000000 1", b"0 0 0.0001 0.0001", b"0 0 0 0", b"5 5 -9 -7",
     b"0 0 1e38 99999999999999999999999999999999999999999", b"/A /B /C /D"],
)  # fmt: skip
def test_no_page_is_rendered_larger_than_asked_whatever_it_claims(box):
    [page] = read_pages(document(box=box), longest_edge=300)
    assert 1 <= min(page.width, page.height)
    assert max(page.width, page.height) <= 300
    assert load_image(page.data).size == (page.width, page.height)


@pdf_only
@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4",
        document()[:90],
        pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"),
        pdf(b"<</Type/Catalog>>"),
        b"%PDF-1.7\n" + bytes(range(256)) * 20,
    ],
    ids=["header only", "truncated", "no pages", "no page tree", "noise"],
)
def test_a_damaged_document_is_a_corrupt_image(data):
    with pytest.raises(CorruptImage, match="damaged PDF document"):
        open_pages(data)


@pdf_only
@pytest.mark.parametrize(
    "data",
    [
        pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
        pdf(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 1>>",
        ),
    ],
    ids=["to itself", "to its parent"],
)
def test_a_page_tree_that_loops_ends_in_a_corrupt_image(data):
    with pytest.raises(CorruptImage):
        list(read_pages(data))


@pdf_only
def test_a_count_of_two_billion_pages_is_not_believed():
    try:
        pages = list(read_pages(document(count=2_000_000_000), longest_edge=32))
    except (ImageTooLarge, CorruptImage):
        return  # refusing is as good as counting
    assert [page.total for page in pages] == [1]


@pdf_only
def test_a_document_of_a_hundred_thousand_pages_is_refused_by_default():
    data = document(100_000)
    with pytest.raises(ImageTooLarge, match=r"100,000 pages; the limit is 1,000"):
        open_pages(data)
    with open_pages(data, max_pages=100_000, longest_edge=32) as pages:
        assert pages.read(100_000).number == 100_000


@pdf_only
def test_a_deflated_bomb_is_refused_before_pdfium_sees_it():
    limit = ImagePolicy(max_pixels=1_000_000)
    bomb = zlib.compress(b" " * 4_100_000, 9)
    assert len(bomb) < 10_000
    packed = document().replace(stream(b""), stream(bomb, b"/Filter/FlateDecode"))
    with pytest.raises(ImageTooLarge, match="inflates to more than 4,000,000 bytes"):
        open_pages(packed, limit)
    with open_pages(packed, longest_edge=32) as pages:
        assert pages.read(1).total == 1


@pdf_only
def test_a_pdf_that_claims_to_be_an_image_is_refused():
    data = base64.b64encode(document()).decode()
    with pytest.raises(BadEncoding, match="holds a PDF document"):
        open_pages(f"data:image/png;base64,{data}")
    with pytest.raises(BadEncoding):
        open_pages(f"data:application/pdf;base64,{base64.b64encode(png()).decode()}")


@pdf_only
def test_a_closed_document_is_closed_once_and_its_pages_stay():
    pages = open_pages(document(), longest_edge=32)
    page = pages.read(1)
    pages.close()
    pages.close()
    assert load_image(page.data).size == (page.width, page.height)


@pdf_only
def test_image_policies_hold_for_documents(tmp_path):
    path = tmp_path / "page.pdf"
    path.write_bytes(document())
    with pytest.raises(PathNotAllowed):
        open_pages(path, ImagePolicy(allowed_roots=(tmp_path / "other",)))
    with pytest.raises(ImageTooLarge):
        open_pages(path, ImagePolicy(max_bytes=100))
    with pytest.raises(ImageNotFound):
        open_pages(tmp_path / "none.pdf")


def test_pypdfium2_is_loaded_by_the_first_pdf_and_missed_with_a_remedy():
    code = (
        "import sys\n"
        "sys.modules['pypdfium2'] = None\n"
        "from smolvlm_tools.pages import open_pages\n"
        "from smolvlm_tools import BackendUnavailable\n"
        "try: open_pages(b'%PDF-1.4')\n"
        "except BackendUnavailable as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert "pip install 'smolvlm-tools[pdf]'" in done.stdout
    assert issubclass(BackendUnavailable, Exception)
