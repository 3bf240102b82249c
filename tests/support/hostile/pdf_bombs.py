"""PDF documents of a few kilobytes that cost seconds, gigabytes or the process that reads them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial

from tests.support import hostile_documents
from tests.support.documents import LETTER, stream

from .case import ANY, Case, document
from .documents import HAS_PDF, with_content
from .images_costly import slow_jpeg, zeros

_FLATE = b"/Filter/FlateDecode"
_BOX = b"/BBox[%s]" % LETTER


def cases() -> Iterator[Case]:
    for name, make in (BOMBS if HAS_PDF else {}).items():
        yield document(f"PDF bomb: {name}", make, ANY)


def _forms(levels: int, width: int) -> bytes:
    """Each form draws the one below `width` times: width ** levels drawings of a square."""
    first = b"/XObject<</F 5 0 R>>"
    shape = b"/Type/XObject/Subtype/Form" + _BOX
    forms = [
        stream(
            b"/F Do " * width,
            shape + b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + level),
        )
        for level in range(levels)
    ]
    return with_content(b"/F Do", first, *forms, stream(b"0 0 9 9 re f", shape))


def _ring(forms: int) -> bytes:
    shape = b"/Type/XObject/Subtype/Form" + _BOX
    drawn = [
        stream(
            b"/F Do /F Do",
            shape + b"/Resources<</XObject<</F %d 0 R>>>>" % (5 + (at + 1) % forms),
        )
        for at in range(forms)
    ]
    return with_content(b"/F Do", b"/XObject<</F 5 0 R>>", *drawn)


def _groups(levels: int) -> bytes:
    """Transparency groups in one another, each with a bitmap of its own."""
    shape = b"/Type/XObject/Subtype/Form/Group<</S/Transparency/I true>>" + _BOX
    state = b"/ExtGState<</G<</ca .5/BM/Luminosity>>>>"
    forms = [
        stream(
            b"/G gs /F Do",
            shape + b"/Resources<<%s/XObject<</F %d 0 R>>>>" % (state, 6 + level),
        )
        for level in range(levels)
    ]
    content = b"/G gs /F Do"
    return with_content(content, state + b"/XObject<</F 5 0 R>>", *forms, stream(b"", shape))


def _soft_masks(levels: int) -> bytes:
    shape = b"/Type/XObject/Subtype/Form/Group<</S/Transparency>>" + _BOX
    masks = [
        stream(
            b"/G gs 0 0 612 792 re f " * 4,
            shape
            + b"/Resources<</ExtGState<</G<</SMask<</S/Luminosity/G %d 0 R>>>>>>>>" % (6 + level),
        )
        for level in range(levels)
    ]
    state = b"/ExtGState<</G<</SMask<</S/Luminosity/G 5 0 R>>>>>>"
    return with_content(b"/G gs 0 0 612 792 re f", state, *masks, stream(b"", shape))


def _pattern(step: bytes, content: bytes = b"0 0 1 1 re f", inner: bytes = b"") -> bytes:
    """A page painted with tiles that are `step` apart."""
    entries = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]"
    entries += b"/XStep %s/YStep %s/Resources<<%s>>" % (step, step, inner)
    page = b"/Pattern cs /P scn 0 0 612 792 re f"
    return with_content(page, b"/Pattern<</P 5 0 R>>", stream(content, entries))


def _shading(kind: int, function: bytes, more: bytes = b"") -> bytes:
    coords = b"/Coords[0 0 612 792]" if kind == 2 else b"/Coords[0 0 0 612 792 9e9]"
    coords = b"/Domain[0 1 0 1]" if kind == 1 else coords
    shading = b"<</ShadingType %d/ColorSpace/DeviceRGB%s/Function 6 0 R/Extend[true true]%s>>"
    return with_content(
        b"/S sh " * 20, b"/Shading<</S 5 0 R>>", shading % (kind, coords, more), function
    )


def _calculator(program: bytes) -> bytes:
    entries = b"/FunctionType 4/Domain[0 1]/Range[0 1 0 1 0 1]"
    return stream(b"{" + program + b"}", entries)


def _sampled(size: int) -> bytes:
    entries = b"/FunctionType 0/Domain[0 1]/Range[0 1 0 1 0 1]/Size[%d]/BitsPerSample 32" % size
    return stream(b"\0" * 64, entries)


def _mesh(kind: int, size: int) -> bytes:
    entries = b"/ShadingType %d/ColorSpace/DeviceRGB/BitsPerCoordinate 8/BitsPerComponent 8" % kind
    entries += b"/BitsPerFlag 8/Decode[0 612 0 792 0 1 0 1 0 1]/VerticesPerRow 2" + _FLATE
    return with_content(b"/S sh", b"/Shading<</S 5 0 R>>", stream(zeros(size), entries))


def _image(width: int, height: int, data: bytes, entries: bytes, times: int = 1) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d%s" % (width, height, entries)
    content = b"q 612 0 0 792 0 0 cm /I Do Q " * times
    return with_content(content, b"/XObject<</I 5 0 R>>", stream(data, head))


def _grey(width: int, height: int, size: int, times: int = 1) -> bytes:
    entries = b"/ColorSpace/DeviceGray/BitsPerComponent 8" + _FLATE
    return _image(width, height, zeros(size), entries, times)


def _filters(chain: bytes, data: bytes, times: int = 1) -> bytes:
    return with_content(b"", b"/XObject<</F 5 0 R>>").replace(
        stream(b""), stream(data, b"/Filter[%s]" % (chain * times))
    )


def _repeated(content: bytes, size: int, resources: bytes = b"") -> bytes:
    """A page whose content is one drawing again and again, deflated."""
    data = zlib.compress(content * (size // len(content)), 9)
    return with_content(b"", resources).replace(stream(b""), stream(data, _FLATE))


def _squeezed(levels: int, size: int) -> bytes:
    data = zeros(size)
    for _ in range(levels - 1):
        data = zlib.compress(data, 9)
    return _filters(b"/FlateDecode ", data, levels)


def _glyphs(content: bytes, shown: bytes) -> bytes:
    """A Type 3 font, the letter of which is this content."""
    font = b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97"
    font += b"/LastChar 97/Widths[1]/Encoding<</Differences[97/a]>>/CharProcs<</a 6 0 R>>"
    font += b"/Resources<</Font<</F 5 0 R>>>>>>"
    return with_content(shown, b"/Font<</F 5 0 R>>", font, stream(content))


def _font(descriptor: bytes, data: bytes) -> bytes:
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/Own/FontDescriptor<</Type/FontDescriptor"
    font += b"/FontName/Own/Flags 4/%s 6 0 R>>>>" % descriptor
    text = b"BT /F 12 Tf 72 720 Td (text) Tj ET"
    return with_content(text, b"/Font<</F 5 0 R>>", font, stream(data))


def _annotations(count: int) -> bytes:
    look = stream(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form" + _BOX)
    note = b"<</Type/Annot/Subtype/Square/Rect[0 0 612 792]/AP<</N 5 0 R>>>>"
    page = with_content(b"", b"", look, note)
    return page.replace(b"/Contents 4 0 R", b"/Contents 4 0 R/Annots[%s]" % (b"6 0 R " * count))


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    inner = opening * depth + closing * depth
    return with_content(b"", b"/ExtGState<</G<</A %s>>>>" % inner)


_HELVETICA = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
_LOOP = b"dup " * 500 + b"pop " * 500
_DEEP = b"{ " * 5_000 + b"} if " * 0
_GREY_OF = b"/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/%s"
_MASK = b"/ImageMask true/BitsPerComponent 1" + _FLATE

BOMBS: dict[str, Callable[[], bytes]] = {
    "form that draws itself": hostile_documents.self_drawing_form,
    "stream drawn 300 times": hostile_documents.stream_drawn_often,
    "stream headers": hostile_documents.many_stream_headers,
    "blended fills": hostile_documents.slow_page,
    "9 levels of 10 forms": partial(_forms, 9, 10),
    "26 levels of 2 forms": partial(_forms, 26, 2),
    "5 levels of 60 forms": partial(_forms, 5, 60),
    "3,000 levels of 1 form": partial(_forms, 3_000, 1),
    "ring of 2 forms": partial(_ring, 2),
    "ring of 30 forms": partial(_ring, 30),
    "60 groups in one another": partial(_groups, 60),
    "1,000 groups in one another": partial(_groups, 1_000),
    "8 soft masks in one another": partial(_soft_masks, 8),
    "300 soft masks in one another": partial(_soft_masks, 300),
    "pattern of tiny steps": partial(_pattern, b"0.001"),
    "pattern of no step": partial(_pattern, b"0"),
    "pattern of negative steps": partial(_pattern, b"-0.01"),
    "pattern that paints itself": partial(
        _pattern, b"1", b"/Pattern cs /P scn 0 0 9 9 re f", b"/Pattern<</P 5 0 R>>"
    ),
    "axial shading by a long program": lambda: _shading(2, _calculator(_LOOP * 50)),
    "radial shading by a long program": lambda: _shading(3, _calculator(_LOOP * 50)),
    "function shading by a long program": lambda: _shading(1, _calculator(_LOOP * 50)),
    "shading by a deep program": lambda: _shading(2, _calculator(_DEEP)),
    "shading by 2^31 samples": lambda: _shading(2, _sampled(2**31 - 1)),
    "shading by a function of itself": lambda: _shading(
        2, b"<</FunctionType 3/Domain[0 1]/Functions[6 0 R 6 0 R]/Bounds[.5]/Encode[0 1 0 1]>>"
    ),
    "mesh of 30 MB of triangles": partial(_mesh, 4, 30_000_000),
    "mesh of 30 MB of lattices": partial(_mesh, 5, 30_000_000),
    "mesh of 30 MB of patches": partial(_mesh, 6, 30_000_000),
    "mesh of 30 MB of tensors": partial(_mesh, 7, 30_000_000),
    "image of 20,000 square": partial(_grey, 20_000, 20_000, 400_000_000),
    "image of 65,535 square without data": partial(_grey, 65_535, 65_535, 9),
    "image of 2^31 columns": partial(_grey, 2**31 - 1, 2, 1_000_000),
    "image of 6,000 square, 500 times": partial(_grey, 6_000, 6_000, 36_000_000, 500),
    "mask of 60,000 square": lambda: _image(60_000, 60_000, zeros(450_000_000), _MASK),
    "fax of 60,000 square": lambda: _image(
        60_000,
        60_000,
        bytes(100_000),
        _GREY_OF % b"CCITTFaxDecode/DecodeParms<</K -1/Columns 60000>>",
    ),
    "JBIG2 of nothing": lambda: _image(60_000, 60_000, bytes(1_000), _GREY_OF % b"JBIG2Decode"),
    "JPEG 2000 of nothing": lambda: _image(
        60_000, 60_000, b"\0\0\0\x0cjP  ", _GREY_OF % b"JPXDecode"
    ),
    "slow JPEG": lambda: _image(6_300, 6_300, slow_jpeg(), _GREY_OF % b"DCTDecode"),
    "run lengths of 400 MB": lambda: _image(
        20_000, 20_000, b"\x81\0" * 3_000_000, _GREY_OF % b"RunLengthDecode"
    ),
    "predictors of 10^6 columns": lambda: _image(
        9_000,
        9_000,
        zeros(81_000_000),
        _GREY_OF % b"FlateDecode/DecodeParms<</Predictor 15/Columns 1000000/Colors 32>>",
    ),
    "3 layers of Flate, 1 GB": lambda: _squeezed(3, 1_000_000_000),
    "2 layers of Flate, 400 MB": lambda: _squeezed(2, 400_000_000),
    "5,000 filters": lambda: _filters(b"/ASCIIHexDecode ", b"00>" * 100, 5_000),
    "LZW of zeros": lambda: _filters(b"/LZWDecode ", bytes(5_000_000)),
    "base 85 of zeros": lambda: _filters(b"/ASCII85Decode ", b"z" * 15_000_000),
    "200 MB of rectangles": partial(_repeated, b"0 0 9 9 re f ", 200_000_000),
    "50 MB of saved states": partial(_repeated, b"q ", 50_000_000),
    "50 MB of restored states": partial(_repeated, b"Q ", 50_000_000),
    "50 MB of numbers": partial(_repeated, b"1 ", 50_000_000),
    "50 MB of lines in one path": partial(_repeated, b"9 9 l 0 700 l ", 50_000_000),
    "20 MB of clips": partial(_repeated, b"0 0 m 600 9 l 9 700 l W n ", 20_000_000),
    "20 MB of text": partial(_repeated, b"BT /F 12 Tf (text) Tj ET ", 20_000_000, _HELVETICA),
    "20 MB of marked content": partial(_repeated, b"/A <</B 1>> BDC ", 20_000_000),
    "20 MB of open arrays": partial(_repeated, b"[", 20_000_000),
    "20 MB of inline images": partial(_repeated, b"BI /W 9 /H 9 ID x EI ", 20_000_000),
    "inline image of 60,000 square": lambda: with_content(
        b"q 612 0 0 792 0 0 cm BI /W 60000 /H 60000 /CS /G /BPC 8 ID " + bytes(99) + b" EI Q"
    ),
    "dashes of 0.0001 over 10^6": lambda: with_content(
        b"[.0001] 0 d 0 0 m 1000000 1000000 l S " * 9
    ),
    "dashes of nothing": lambda: with_content(b"[0 0] 0 d 0 0 m 600 700 l S " * 99),
    "100,000 curves of width 10^6": lambda: with_content(
        b"1000000 w " + b"0 0 m 9 9 600 700 5 5 c S " * 100_000
    ),
    "letter of 10^9 pt": lambda: with_content(b"BT /F 1000000000 Tf (text) Tj ET", _HELVETICA),
    "letter that writes itself": partial(
        _glyphs, b"1 0 d0 BT /F 1 Tf (aaaa) Tj ET", b"BT /F 9 Tf (aaaa) Tj ET"
    ),
    "million letters of 1,000 fills": partial(
        _glyphs,
        b"1 0 d0 " + b"0 0 9 9 re f " * 1_000,
        b"BT /F 9 Tf (%s) Tj ET" % (b"a" * 1_000_000),
    ),
    "font of zeros": partial(_font, b"FontFile2", bytes(1_000_000)),
    "font of 0xff": partial(_font, b"FontFile2", b"\0\1\0\0\xff\xff" + b"\xff" * 100_000),
    "font program of zeros": partial(_font, b"FontFile3", bytes(1_000_000)),
    "100,000 annotations": partial(_annotations, 100_000),
    "100,000 arrays in one another": partial(_nested, b"[", b"]", 100_000),
    "100,000 dictionaries in one another": partial(_nested, b"<</A ", b">>", 100_000),
}
