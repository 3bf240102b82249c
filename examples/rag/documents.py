"""The documents that with_citations.py asks unless it is given others."""

from __future__ import annotations

import shutil
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "images"

LEASE = (
    """LEASE OF AN APARTMENT
Between Harbour Homes Ltd (the landlord) and Ada Moreno (the tenant).
The apartment is on the third floor of 12 Quay Street. It has two rooms,
a kitchen, a bath and a balcony towards the river. A cellar belongs to it.
The lease begins on 1 March 2027 and ends on 28 February 2030.""",
    """RENT AND DEPOSIT
The monthly rent is 940 euros. It is due on the third working day of every
month, by bank transfer. The deposit is three times the monthly rent and is
kept in an account of its own. It is paid back, with interest, within six
weeks after the keys have been returned.""",
    """PETS AND REPAIRS
Cats and birds may be kept. Dogs need the landlord's consent in writing.
The tenant reports damage without delay. The landlord repairs the heating,
the windows and the pipes; the tenant pays for small repairs up to 80 euros.""",
)
MANUAL = (
    """ESPRESSO MACHINE E4: FIRST USE
Fill the tank with fresh water and press the power switch. The lamp blinks
while the boiler heats up, and is steady after about two minutes. Let one
cup of water run through the machine before you make the first coffee.""",
    """DESCALING
Descale the machine every three months, or when the red lamp is on. Mix the
powder with one litre of water, pour it into the tank and hold the steam
button for five seconds. Rinse twice. Never use vinegar: it damages seals.""",
)
QUESTIONS = {
    "When does the lease end?": "lease.pdf, page 1 of 3",
    "How much is the monthly rent?": "lease.pdf, page 2 of 3",
    "May the tenant keep dogs or cats?": "lease.pdf, page 3 of 3",
    "How often does the machine need descaling?": "manual.pdf, page 2 of 2",
    "Which picture shows a large blue square?": "shapes.png",
}
"""Questions, and where their answers stand."""


def make_documents(folder: Path) -> Path:
    """Two born-digital PDF files, and two images that the model in the package can read."""
    folder.mkdir()
    (folder / "lease.pdf").write_bytes(pdf(LEASE))
    (folder / "manual.pdf").write_bytes(pdf(MANUAL))
    for image in IMAGES.glob("*.png"):
        shutil.copy(image, folder)
    return folder


def pdf(pages: tuple[str, ...]) -> bytes:
    """A PDF file with these pages in Helvetica."""
    kids = " ".join(f"{4 + 2 * place} 0 R" for place in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for place, text in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in escaped(text).splitlines())
        content = f"BT /F 13 Tf 20 TL 60 720 Td {shown}ET".encode("latin-1")
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F 3 0 R>>>>>>" % (5 + 2 * place)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    out, starts = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\n" % (
        size,
        table,
        size,
    )
    return bytes(out) + end + b"startxref\n%d\n%%%%EOF\n" % len(out)


def escaped(text: str) -> str:
    """Text as it stands in a PDF string."""
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
