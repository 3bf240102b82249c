"""What is ingested: made on the fly, every page another one."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

_WORDS = (
    "the committee met on the second day of the month and all of its members had read the report "
    "that was sent to them before so that there was not much to add to what had been said about "
    "the work of the year and it was decided that it should go on as it had begun"
).split()
_LINES = 50
TINY_SIZE = (32, 24)
"""Of tiny images, in pixels."""


def write_books(folder: Path, pages: int, books: int = 4) -> None:
    """PDF documents with so many born-digital pages in all, of about 3,000 characters each."""
    folder.mkdir(parents=True, exist_ok=True)
    for book in range(books):
        numbers = range(book * pages // books, (book + 1) * pages // books)
        (folder / f"book{book}.pdf").write_bytes(_pdf([_text(number) for number in numbers]))


def _text(number: int) -> list[str]:
    return [
        f"{number}.{line} "
        + " ".join(_WORDS[(7 * number + 5 * line + at) % len(_WORDS)] for at in range(12))
        for line in range(_LINES)
    ]


def _pdf(texts: list[list[str]]) -> bytes:
    """A document with a page for each text (PDF 1.4, ISO 32000-1, 7.5)."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * at) for at in range(len(texts)))
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(texts)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for at, lines in enumerate(texts):
        content = b"BT /F 9 Tf 14 TL 40 760 Td "
        content += b"".join(b"(%s) Tj T* " % line.encode("ascii") for line in lines) + b"ET"
        bodies.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F 3 0 R>>>>>>" % (5 + 2 * at)
        )
        bodies.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    out, places = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\n" % (len(bodies) + 1)
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def write_images(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Small different pictures with a line of print."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number in range(count):
        image = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(image)
        width, height = size
        left, top = 7 * number % (width // 2), 3 * number % (height // 2)
        colour = (number * 37 % 200, number * 59 % 200, number * 83 % 200)
        draw.ellipse((left, top, left + width // 3, top + height // 3), fill=colour)
        draw.text((2, 2), f"number {number}", fill="black")
        image.putpixel((0, 0), (number >> 16, number >> 8 & 255, number & 255))
        paths.append(folder / f"{number:05}.png")
        image.save(paths[-1])
    return paths
