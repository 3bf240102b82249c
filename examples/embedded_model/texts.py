"""Strings to print: words, numbers, prices, dates and random characters."""

from __future__ import annotations

import random
import string

WORDS = (
    "the and for you with this that from have not are was but all can out one time year day way "
    "new good first last long great little own other old right big high small large next early "
    "young important public bad same able open close exit enter push pull stop start sale free "
    "total price sum tax paid cash card bank order invoice date number name city street road "
    "house office school work home world life hand part child eye woman man place week case point "
    "company group problem fact water coffee tea milk bread apple lemon sugar salt pizza pasta "
    "soup fish rice menu hotel room floor door window table chair paper book page line letter "
    "word text image model data file test code user email phone mobile server north south east "
    "west monday tuesday wednesday thursday friday saturday sunday january february march april "
    "may june july august september october november december morning evening night today hello "
    "thank please welcome warning danger keep off grass do touch no smoking parking entry only "
    "staff ticket train bus plane gate seat platform ship box item unit kilo gram meter liter "
    "quick brown fox jumps over lazy dog red green blue black white yellow service quality "
    "report chapter section figure volume edition author title music art science history"
).split()

LETTERS = string.ascii_letters + string.digits
MARKS = ".,:;!?-'\"()/&%+#@$*=_"
JOINERS = "-/&+'@_"


def word(rng: random.Random) -> str:
    """A word or an invented one, in lower, upper or title case."""
    if rng.random() < 0.5:
        text = rng.choice(WORDS)
    else:
        text = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9)))
    return rng.choice((str.lower, str.lower, str.capitalize, str.capitalize, str.upper))(text)


def number(rng: random.Random) -> str:
    """A number, price, date, time, percentage or telephone number."""
    kind = rng.randrange(8)
    if kind == 0:
        return str(rng.randint(0, 10 ** rng.randint(1, 6)))
    if kind == 1:
        return f"{rng.choice(('$', '', '', 'EUR '))}{rng.randint(0, 999)}.{rng.randint(0, 99):02d}"
    if kind == 2:
        return f"{rng.randint(1990, 2030)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if kind == 3:
        return f"{rng.randint(1, 28):02d}/{rng.randint(1, 12):02d}/{rng.randint(1990, 2030)}"
    if kind == 4:
        return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    if kind == 5:
        return f"{rng.randint(0, 100)}%"
    if kind == 6:
        return f"{rng.randint(100, 999)}-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"
    return f"#{rng.randint(1, 9999)}"


def jumble(rng: random.Random) -> str:
    """Random letters and digits, with a mark now and then."""
    chars = rng.choices(LETTERS, k=rng.randint(1, 10))
    return "".join(rng.choice(MARKS) if rng.random() < 0.08 else char for char in chars)


def item(rng: random.Random) -> str:
    """One run of characters without a space at its ends."""
    text = rng.choices((word, number, jumble), (5, 2, 2))[0](rng)
    roll = rng.random()
    if roll < 0.12:
        return text + rng.choice(".,:;!?")
    if roll < 0.15:
        return f'"{text}"' if rng.random() < 0.5 else f"({text})"
    if roll < 0.17:
        return f"{text}{rng.choice(JOINERS)}{word(rng)}"
    return text


def sample_line(rng: random.Random, longest: int) -> str:
    """A line of 1 to `longest` characters with single spaces inside."""
    goal = rng.randint(3, longest) if rng.random() < 0.9 else rng.randint(1, 3)
    text = item(rng)
    while len(text) < goal:
        text += " " + item(rng)
    return text[:goal].strip() or "A"


def sample_lines(rng: random.Random, longest: int = 24, max_lines: int = 4) -> list[str]:
    """One to `max_lines` lines."""
    count = rng.choices(range(1, max_lines + 1), (5, 4, 3, 3)[:max_lines])[0]
    return [sample_line(rng, longest) for _ in range(count)]
