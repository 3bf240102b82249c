"""A folder with a bit of everything that ingestion meets, small and made on the fly."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from tests.support.documents import encrypted, pdf, stream
from tests.support.pdf_pages import lines

COLOURS = ("red", "green", "blue", "orange", "black")
_SENTENCES = (
    "The committee met on the second day of the month and approved the minutes.",
    "All of the members were there, and most of them had read the report before.",
    "It was decided that the work should go on until the end of the next year.",
    "There is not much to add to what has been said about the old house by the river.",
)
_BOX = b"0 0 300 200"


def drawing(number: int, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A small picture; every number makes another one."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((8 + number % 40, 24, 40 + number % 40, 56), fill=COLOURS[number % len(COLOURS)])
    draw.text((4, 4), f"number {number}", fill="black")
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def book(texts: Sequence[str]) -> bytes:
    """A PDF with a page of drawn text for each, and a red square where the text is empty."""
    first = 4
    contents = [lines(text, top=180, size=6) for text in texts]
    drawn = [
        content if text else b"1 0 0 rg 50 50 60 60 re f"
        for text, content in zip(texts, contents, strict=True)
    ]
    kids = b" ".join(b"%d 0 R" % (first + 2 * at) for at in range(len(texts)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(texts)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for at, content in enumerate(drawn):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents %d 0 R"
            b"/Resources<</Font<</F 3 0 R>>>>>>" % (_BOX, first + 2 * at + 1)
        )
        objects.append(stream(content))
    return pdf(*objects)


def words(number: int) -> str:
    """Sound text of a page."""
    return "\n".join([f"Page {number} of the minutes.", *_SENTENCES, *_SENTENCES[::-1]])


def scans(numbers: Sequence[int]) -> bytes:
    """A TIFF with a page for each number."""
    first, *others = [drawing(number) for number in numbers]
    return encoded(first, "TIFF", save_all=True, append_images=others)


def build_corpus(folder: Path, share: int = 1) -> int:
    """Write about 300 pages, or a share of them: 1/`share`. Returns how many records they give."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 100 // share
    for number in range(count):
        kind = ("PNG", "JPEG", "BMP", "GIF")[number % 4]
        path = folder / f"image{number:03}.{kind.lower()}"
        path.write_bytes(encoded(drawing(number), kind))
    repeated = range(0, count, 20)
    for number in repeated:
        data = (folder / f"image{number:03}.png").read_bytes()
        (folder / f"same{number:03}.png").write_bytes(data)
    for number in range(3):
        blank = Image.new("RGB", (40 + number, 40), "white")
        (folder / f"blank{number}.png").write_bytes(encoded(blank))
    tiffs = 15 // share
    for number in range(tiffs):
        (folder / f"scan{number:02}.tif").write_bytes(
            scans(range(1000 + 5 * number, 1005 + 5 * number))
        )
    (folder / "minutes.pdf").write_bytes(book([words(number) for number in range(80 // share)]))
    (folder / "half.pdf").write_bytes(
        book([words(number) if number % 2 else "" for number in range(200, 200 + 40 // share)])
    )
    (folder / "twice.pdf").write_bytes((folder / "half.pdf").read_bytes())
    poisoned = {
        "broken.pdf": b"%PDF-1.4\nnothing of the kind",
        "text.png": b"no image at all",
        "empty.jpg": b"",
        "cut.jpg": encoded(drawing(1, (400, 300)), "JPEG")[:1500],
        "locked.pdf": encrypted(b"secret"),
    }
    for name, data in poisoned.items():
        (folder / name).write_bytes(data)
    made = count + len(repeated) + 3 + 5 * tiffs + 80 // share + 2 * (40 // share)
    return made + len(poisoned)
