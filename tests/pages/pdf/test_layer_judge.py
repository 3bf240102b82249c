"""Garbage is told from sound text of many languages, scripts and kinds."""

from __future__ import annotations

import random
import string

import pytest

from smolvlm_tools.pages.pdf.layer_judge import is_garbage
from tests.support.sound_texts import KINDS, PROSE

LATIN = ("English", "German", "French", "Spanish", "Polish", "Finnish", "Turkish", "Swahili")
LONG = "\n".join(PROSE[name] for name in ("English", "German", "French", "Spanish"))


@pytest.mark.parametrize("name", [*PROSE, *KINDS])
def test_sound_text_is_not_garbage(name):
    assert not is_garbage({**PROSE, **KINDS}[name])


@pytest.mark.parametrize("name", LATIN)
def test_nor_is_it_in_capitals(name):
    assert not is_garbage(PROSE[name].upper())


def test_nor_in_one_long_page_of_everything():
    assert not is_garbage("\n".join([*PROSE.values(), *KINDS.values()]))


@pytest.mark.parametrize("name", LATIN)
@pytest.mark.parametrize("shift", [-31, -30, -29, -28, -3, 1, 3])
def test_text_with_its_letters_shifted_is_garbage(name, shift):
    assert is_garbage("".join(chr(max(3, ord(char) + shift)) for char in PROSE[name]))


def test_the_known_look_of_glyph_numbers_is_garbage():
    text = "7KH TXLFN EURZQ IR[ MXPSV RYHU WKH OD]\\ GRJ DQG UXQV DZD\\ WRZDUGV WKH ULYHU EDQN " * 2
    assert is_garbage(text)


def exchanged(text: str, seed: int) -> str:
    letters = list(string.ascii_lowercase)
    random.Random(seed).shuffle(letters)
    return text.lower().translate(str.maketrans(string.ascii_lowercase, "".join(letters)))


def test_nineteen_of_twenty_exchanges_of_letters_are_garbage():
    found = [is_garbage(exchanged(LONG, seed)) for seed in range(100)]
    assert sum(found) >= 95


def numbered(text: str, first: int) -> str:
    """Letters by their first use, as fonts that hold a subset of glyphs number them."""
    order = {char: chr(first + at) for at, char in enumerate(dict.fromkeys(text))}
    return "".join(order[char] for char in text)


@pytest.mark.parametrize("first", [1, 33, 0xE000, 0xF020])
def test_letters_numbered_by_first_use_are_garbage(first):
    assert is_garbage(numbered(PROSE["English"] * 2, first))


@pytest.mark.parametrize("sign", ["\ufffd", "\ue123", "\x03", "\U000f0001", "(cid:12)"])
@pytest.mark.parametrize("every", [1, 2, 20])
def test_signs_for_letters_are_garbage_alone_and_among_words(sign, every):
    letters = [sign if char.isalpha() and at % every == 0 else char for at, char in enumerate(LONG)]
    assert is_garbage("".join(letters))


def test_a_few_signs_in_a_long_page_are_not():
    assert not is_garbage(LONG.replace("ü", "\ufffd"))
    assert not is_garbage(LONG + "\x02 (cid:3) \ue001x")


def test_cyrillic_and_greek_bytes_read_as_western_are_garbage():
    assert is_garbage(PROSE["Russian"].encode("cp1251").decode("latin-1"))
    assert is_garbage(PROSE["Greek"].encode("iso8859-7", "ignore").decode("latin-1"))


def test_words_run_together_are_garbage():
    assert is_garbage("".join(char for char in LONG if char.isalpha()))


def test_alphabets_mixed_within_words_are_garbage():
    pairs = str.maketrans("aeiost", "аεіοѕт")
    assert is_garbage(PROSE["English"].translate(pairs))


def test_one_broken_font_of_several_is_garbage():
    broken = "".join(chr(max(3, ord(char) - 29)) if char != "\n" else char for char in LONG)
    assert not is_garbage(LONG * 3)
    assert is_garbage(LONG * 2 + "\n" + broken)


def test_letters_that_a_font_does_not_map_count_as_wrong():
    assert not is_garbage(PROSE["Russian"], unmapped=3)
    assert is_garbage(PROSE["Russian"], unmapped=20)
