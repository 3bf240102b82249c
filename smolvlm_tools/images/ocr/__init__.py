"""Words and their boxes, by programs that only read print: a second opinion beside the model.

recognizer   what each of them does
registry     their names
rapid        RapidOCR, the extra `ocr`
line_ink     from a line's pixels: where its words are, and spaces that were not recognised
long_lines   a line that is very long for its height is read in parts
spelt        words with the boxes of their letters
tesseract    the program of that name, if it is installed
upright      a page that lies on its side is read upright; its boxes are of the page as it lies
"""

from __future__ import annotations

from .recognizer import Recognizer as Recognizer
from .registry import open_recognizer as open_recognizer
from .registry import parse_check as parse_check
from .spelt import SpeltWord as SpeltWord
from .spelt import moved as moved
from .spelt import plain as plain
from .upright import read_words as read_words
