"""PDF documents, by PDFium (pypdfium2, the extra `pdf`).

    library      the import, and the lock that every call to PDFium holds
    inflation    deflated parts that are too large are refused before PDFium sees them
    document     bytes -> Pages
    rendering    a page, or a region of it, as pixels
    frame        a page's box and rotation: points -> fractions of the upright page
    objects      what a page draws, in order, also inside form XObjects
    images       the images among it: clipped, and strips of one picture joined
    pictures     those that are a picture to a reader
    text         the text layer, and how much of it is invisible
    visibility   which text objects a reader cannot see
    layer_judge  whether its characters can be what the page shows, by plain statistics
    letter_pairs the pairs of letters that Latin-script languages are made of

PDFium trusts its input too much. Bounded here are the size of the file, the number of pages, the
size at which a page is rendered, each deflated part and the declared size of embedded pictures;
not bounded are how much a page draws and how long that takes. Open documents of strangers in a
process with limits of its own.
"""

from __future__ import annotations

from .document import is_pdf, pdf_pages

__all__ = ["is_pdf", "pdf_pages"]
