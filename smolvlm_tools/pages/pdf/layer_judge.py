"""Whether the characters of a text layer can be what its page shows, by plain statistics.

A font without a sound table from glyphs to characters gives garbage: glyph numbers for letters
("7KH TXLFN EURZQ IR["), U+FFFD, private use, "(cid:12)". Calling sound text garbage costs the time
of a model that reads the page; calling garbage sound gives wrong text that nobody notices. So the
limits lie near what sound text reaches, not in the middle.

Not recognised: exchanged letters of scripts other than Latin, as long as all are mapped to letters
of that script; exchanged digits; single wrong letters. Taken for garbage though sound: pages that
hold little but base64 or other noise of mixed case.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from .letter_pairs import frequent_share

WRONG_SHARE = 0.03
"""Of visible characters that are none: more errors than a page read by a model has."""

_LEAST_SHARES = ((400, 0.50), (200, 0.48), (100, 0.44), (60, 0.38), (25, 0.34))
"""Pairs of letters, and the least share of frequent ones that is still believed: of 18,700 pieces
of 200 pairs in 55 languages the lowest has 0.53, and 95 of 100 with exchanged letters are below
0.38."""

_ENOUGH, _EXPLAINED = 60, 0.6
"""Fewer pairs, or pairs of capitals, count as wrong only where undoing a shift makes words of them,
as the share then shows: codes, protein sequences and ticker symbols have infrequent pairs, too, but
no shift turns those into words."""

_SHIFTS = (29, 31, 3, 1, -1, -3, 28, 30, 13, -29, -31)
_SHIFTED = 20_000
"""Characters of which shifts are undone: enough to see whether words come out."""

_PART = 400
_BROKEN_SHARE = 0.2
"""Of a page in parts of 400 characters, by themselves garbage: one font of many is broken."""

_CID = re.compile(r"\(cid:\d+\)")
_SYMBOL = re.compile(r"[!-/:-@\[-`{-~]")
_LONG_RUN = re.compile(r"[^\W\d_]{40,}")
_RUNS_ENOUGH = 200
"""Letters: two of the longest German words, at 79 and 63, are not yet a broken page."""

_LATIN = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_OTHER_ALPHABET = re.compile("[\u0370-\u06ff]")


def is_garbage(text: str, unmapped: int = 0) -> bool:
    """Whether a page's text is broken.

    Args:
        text: as PDFium gives it.
        unmapped: how many of its visible characters the font maps to none.
    """
    visible = count_visible(text)
    if not visible:
        return False
    if unmapped + _wrong(text) > WRONG_SHARE * visible or _is_broken(text):
        return True
    parts = list(_parts(text))
    broken = sum(count_visible(part) for part in parts if _is_broken(part))
    return len(parts) > 1 and broken > _BROKEN_SHARE * visible


def count_visible(text: str) -> int:
    """Characters other than white space."""
    return sum(map(len, text.split()))


def _is_broken(text: str) -> bool:
    visible = count_visible(text)
    cids = _CID.findall(text)
    return (
        (len(cids) >= 5 and sum(map(len, cids)) > 0.1 * visible)
        or (_symbols(text) > 0.25 * visible and not _has_words(text))
        or _has_infrequent_pairs(text)
        or _is_accented_noise(text)
        or _runs_together(text)
        or _mixes_alphabets(text)
    )


def _wrong(text: str) -> int:
    """Characters that are none: controls, unassigned, private use within words, U+FFFD.

    A private character by itself is a bullet or tick of a symbol font.
    """
    counts = Counter(text)
    kinds = {char: unicodedata.category(char) for char in counts if char not in "\t\n\r"}
    private = {char for char, kind in kinds.items() if kind == "Co"}
    wrong = {char for char, kind in kinds.items() if kind in ("Cc", "Cn", "Cs") or char == "\ufffd"}
    words = [word for word in text.split() if len(word) > 1] if private else []
    inside = sum(char in private for word in words for char in word)
    return inside + sum(counts[char] for char in wrong)


def _symbols(text: str) -> int:
    """Characters in words that are ASCII symbols, such as #$%!&."""
    return sum(len(word) for word in text.split() if _is_of_symbols(word))


def _is_of_symbols(word: str) -> bool:
    """Whether a word is symbols, mostly and different ones; or long and without a space."""
    symbols = _SYMBOL.findall(word) if len(word) >= 3 else []
    kinds = len(set(symbols))
    if len(symbols) == len(word):
        return kinds >= 3
    return (kinds >= 4 and len(symbols) > 0.6 * len(word)) or (kinds >= 8 and len(word) >= 40)


def _has_words(text: str) -> bool:
    """Whether there are words among the symbols, as in code."""
    count, share = frequent_share(text)
    return count >= 40 and share >= 0.55


def _has_infrequent_pairs(text: str) -> bool:
    count, share = frequent_share(text)
    least = next((least for enough, least in _LEAST_SHARES if count >= enough), 0.0)
    if share >= least:
        return False
    letters = _latin(text)
    if count >= _ENOUGH and sum(map(str.islower, letters)) > 0.2 * len(letters):
        return True
    text = text[:_SHIFTED]
    return any(_shifted_share(text, shift) >= _EXPLAINED for shift in _SHIFTS)


def _shifted_share(text: str, shift: int) -> float:
    moved = (chr(ord(char) + shift) if 32 < ord(char) + shift < 127 else " " for char in text)
    return frequent_share("".join(moved))[1]


def _is_accented_noise(text: str) -> bool:
    """Whether most Latin letters have accents, as Cyrillic or Greek bytes read as Latin-1 do."""
    if text.isascii():
        return False
    letters = _latin(text)
    return len(letters) >= 30 and sum(not char.isascii() for char in letters) > 0.6 * len(letters)


def _runs_together(text: str) -> bool:
    """Whether most Latin letters stand in runs without a space that no language has."""
    runs = [run for run in _LONG_RUN.findall(text) if _LATIN.match(run) and not run.isupper()]
    if sum(map(len, runs)) < _RUNS_ENOUGH:
        return False
    return sum(map(len, runs)) > 0.5 * len(_latin(text))


def _mixes_alphabets(text: str) -> bool:
    words = _WORD.findall(text) if _OTHER_ALPHABET.search(text) else []
    mixed = sum(bool(_LATIN.search(word) and _OTHER_ALPHABET.search(word)) for word in words)
    return mixed >= 10 and mixed > 0.2 * len(words)


def _latin(text: str) -> str:
    """Its Latin letters."""
    return "".join(_LATIN.findall(text))


def _parts(text: str) -> Iterator[str]:
    """Whole lines, together at least 400 visible characters long."""
    part: list[str] = []
    size = 0
    for line in text.splitlines():
        part.append(line)
        size += count_visible(line)
        if size >= _PART:
            yield "\n".join(part)
            part, size = [], 0
    if part:
        yield "\n".join(part)
