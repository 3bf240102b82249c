"""PDF pages with text in fonts of one's own, images and forms, made on the fly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.documents import LETTER, pdf, stream

_DESCENDANT = (
    b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Own/CIDSystemInfo<</Registry(Adobe)"
    b"/Ordering(Identity)/Supplement 0>>/DW 600/FontDescriptor<</Type/FontDescriptor/FontName/Own"
    b"/Flags 4/FontBBox[0 -200 1000 800]/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700"
    b"/StemV 80>>>>"
)
_HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def page(
    content: bytes, *, entries: bytes = b"", xobjects: Sequence[bytes] = (), fonts: bytes = b"",
    box: bytes = LETTER,
) -> bytes:  # fmt: skip
    """A page: the font /F is Helvetica unless given, XObjects are /X0, /X1 and so on.

    XObjects are objects 5, 6 …
    """
    names = b"".join(b"/X%d %d 0 R" % (at, 5 + at) for at in range(len(xobjects)))
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R%s/Resources<</Font<</F %s>>"
        b"/XObject<<%s>>/ExtGState<</Clear<</ca 0>>>>>>>>"
        % (box, entries, fonts or _HELVETICA, names),
        stream(content),
        *xobjects,
    )


def lines(text: str, setting: bytes = b"", *, top: int = 740, size: int = 10) -> bytes:
    """Content that writes Latin-1 lines with /F."""
    out = b"BT /F %d Tf %d TL %s 50 %d Td " % (size, size + 2, setting, top)
    for line in text.splitlines():
        plain = line.encode("latin-1").replace(b"\\", b"\\\\")
        out += b"(%s) Tj T* " % plain.replace(b"(", b"\\(").replace(b")", b"\\)")
    return out + b"ET\n"


def written(
    text: str, means: Callable[[str], str] | None = None, code: Callable[[str], int] | None = None
) -> bytes:
    """A page that shows `text` in a font with a table from its codes to what each letter `means`.

    With `means` None the font has no such table, and `code` numbers its glyphs.
    """
    letters = sorted(set(text) - {"\n"})
    codes = {char: code(char) if code else at for at, char in enumerate(letters, 1)}
    out = b"BT /F 8 Tf 10 TL 20 760 Td "
    for line in _wrapped(text, 100):
        out += b"<%s> Tj T* " % b"".join(b"%04x" % codes[char] for char in line)
    table = b""
    if means is not None:
        given = {char: means(char).encode("utf-16-be").hex().encode() for char in letters}
        pairs = [b"<%04x> <%s>\n" % (codes[char], given[char]) for char in letters]
        table = b"/ToUnicode 5 0 R"
    else:
        pairs = []
    font = b"<</Type/Font/Subtype/Type0/BaseFont/Own/Encoding/Identity-H/DescendantFonts[%s]%s>>"
    chunks = [pairs[at : at + 100] for at in range(0, len(pairs), 100)]
    cmap = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Own def\n"
    cmap += b"1 begincodespacerange <0000> <ffff> endcodespacerange\n"
    for chunk in chunks:
        cmap += b"%d beginbfchar\n%sendbfchar\n" % (len(chunk), b"".join(chunk))
    cmap += b"endcmap end end"
    return page(out + b"ET", fonts=font % (_DESCENDANT, table), xobjects=[stream(cmap)])


def _wrapped(text: str, width: int) -> list[str]:
    return [
        line[at : at + width]
        for line in text.splitlines()
        for at in range(0, max(1, len(line)), width)
    ]


def image(
    width: int, height: int, colour: bytes = b"\xff\0\0", pixels: bytes | None = None
) -> bytes:
    """An RGB image of one colour, or of these pixels, top row first."""
    entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB"
    data = colour * (width * height) if pixels is None else pixels
    return stream(data, entries % (width, height) + b"/BitsPerComponent 8")


def form(content: bytes, entries: bytes = b"", resources: bytes = b"") -> bytes:
    shape = b"/Type/XObject/Subtype/Form/BBox[0 0 2000 2000]/Resources<<%s>>%s"
    return stream(content, shape % (resources, entries))


def draw(name: bytes, left: float, bottom: float, width: float, height: float) -> bytes:
    """Content that draws an image in a rectangle."""
    return b"q %f 0 0 %f %f %f cm /%s Do Q\n" % (width, height, left, bottom, name)
