"""A child gives the pixels that this process would have decoded, and the same errors.

By then it has given up all files, so whatever a library reads only when it is needed is missing.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from smolvlm_tools import SmolVLMError
from smolvlm_tools.images import EncodedImage, ImagePolicy, KnownImages, load_image
from smolvlm_tools.pages.worker import DocumentWorker
from tests.support.broken_images import BROKEN
from tests.support.documents import pdf_only
from tests.support.image_kinds import RGB, encode, image_files
from tests.support.pdf_pages import lines, page

FILES = image_files()
THERE = ImagePolicy(isolate=True)


def pixels(image):
    return np.asarray(image.pixels)


@pytest.mark.parametrize("name", FILES)
def test_every_format_and_mode(name):
    here, there = load_image(FILES[name]), load_image(FILES[name], THERE)
    for attribute in ("size", "format", "frames", "sha256", "is_blank"):
        assert getattr(there, attribute) == getattr(here, attribute)
    assert there.pixels.mode == "RGB"
    assert np.array_equal(pixels(there), pixels(here))


@pytest.mark.parametrize("name", [name for name in FILES if "JPEG" in name])
def test_reduced_jpegs(name):
    sizes = []

    def reduce_to(size):
        sizes.append(size)
        return size[0] // 4, size[1] // 4

    checked = []
    options = {"reduce_to": reduce_to, "check_pixels": checked.append}
    here = load_image(FILES[name], **options)
    there = load_image(FILES[name], THERE, **options)
    assert sizes[0] == sizes[1] and checked[0] == checked[1]
    assert there.size == here.size and max(there.pixels.size) == 12
    assert np.array_equal(pixels(there), pixels(here))


def test_a_large_image_and_one_pixel():
    for size in ((3000, 2000), (1, 1), (1, 5000), (5000, 1)):
        data = encode(RGB.resize(size), "PNG")
        assert np.array_equal(pixels(load_image(data, THERE)), pixels(load_image(data)))


def test_who_writes_to_the_pixels_gets_a_copy():
    image = load_image(FILES["PNG RGB"], THERE).pixels
    before = np.asarray(image).copy()
    other = image.copy()
    other.paste("red", (0, 0, 48, 32))
    image.putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (1, 2, 3)
    assert np.array_equal(np.asarray(image)[1:], before[1:])
    for each in (image.resize((7, 5)), image.crop((1, 1, 9, 9)), image.convert("L")):
        each.load()


def test_a_known_image_is_decoded_again_by_a_child():
    known = KnownImages()
    first = load_image(FILES["JPEG RGB"], THERE, known=known)
    again = load_image(FILES["JPEG RGB"], THERE, known=known)
    assert (again.size, again.format) == (first.size, first.format)
    assert np.array_equal(pixels(again), pixels(first))


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("ignore")
def test_errors_are_the_same(name):
    data, _ = BROKEN[name]
    with pytest.raises(SmolVLMError) as here:
        load_image(data)
    with pytest.raises(SmolVLMError) as there:
        load_image(data, THERE)
    assert type(there.value) is type(here.value)
    assert (there.value.reason, there.value.remedy) == (here.value.reason, here.value.remedy)


FONTS = ("Helvetica", "Times-Roman", "Symbol", "Arial", "DejaVuSans", "DejaVu#20Sans#20Oblique")


@pdf_only
@pytest.mark.parametrize("font", FONTS)
def test_pages_in_fonts_of_the_system(font):
    named = b"<</Type/Font/Subtype/TrueType/BaseFont/%s/Encoding/WinAnsiEncoding>>" % font.encode()
    data = page(lines("The quick brown fox\njumps over the lazy dog", size=24), fonts=named)
    # Processes of their own: what PDFium has read before decides which font it takes for another.
    with DocumentWorker() as worker, worker.open(EncodedImage(data, "fonts.pdf")) as there:
        digest = there.read(1).sha256
    code = "import sys; from smolvlm_tools.pages import open_pages; "
    code += "print(open_pages(sys.stdin.buffer.read()).read(1).sha256)"
    alone = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True)
    assert alone.stdout.decode().strip() == digest
