"""Strings to print: words, numbers, prices, dates and random characters."""

from __future__ import annotations

import random
import re
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


def whole(rng: random.Random) -> str:
    """A whole number of up to six digits."""
    return str(rng.randint(0, 10 ** rng.randint(1, 6)))


def amount(rng: random.Random) -> str:
    """A price, sometimes with its currency."""
    return f"{rng.choice(('$', '', '', 'EUR '))}{rng.randint(0, 999)}.{rng.randint(0, 99):02d}"


def date(rng: random.Random) -> str:
    """A date, year first or day first."""
    year, month, day = rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{year}-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/{year}"))


def clock(rng: random.Random) -> str:
    """A time of day."""
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"


def percentage(rng: random.Random) -> str:
    """A share."""
    return f"{rng.randint(0, 100)}%"


def telephone(rng: random.Random) -> str:
    """A telephone number."""
    return f"{rng.randint(100, 999)}-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"


def numbered(rng: random.Random) -> str:
    """A number with its sign."""
    return f"#{rng.randint(1, 9999)}"


def number(rng: random.Random) -> str:
    """A number of any of these kinds; dates twice as often."""
    kinds = (whole, amount, date, date, clock, percentage, telephone, numbered)
    return rng.choice(kinds)(rng)


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
    if rng.random() < 0.1:
        text = text.upper()
    return text[:goal].strip() or "A"


AMOUNT_KEYS = (
    "total", "tax", "sum", "price", "cash", "amount", "paid", "change", "fee", "discount",
    "balance", "weight",
)  # fmt: skip
COUNT_KEYS = ("table", "room", "order", "seat", "gate", "page", "items", "qty", "card")
NUMBER_KEYS = AMOUNT_KEYS + COUNT_KEYS
TEXT_KEYS = (
    "date", "time", "name", "city", "phone", "invoice", "due", "street", "author", "from", "to",
)  # fmt: skip
KEYS = NUMBER_KEYS + TEXT_KEYS
JSON_NUMBER = re.compile(r"(0|[1-9]\d*)(\.\d+)?")
TITLES = (
    "RECEIPT", "Invoice", "BILL", "Cafe Luna", "Order", "Ticket", "Hotel Nord", "Market",
    "Parking", "Menu",
)  # fmt: skip


def names(rng: random.Random) -> str:
    """One word, or two with capitals."""
    if rng.random() < 0.7:
        return word(rng)
    return f"{word(rng).capitalize()} {word(rng).capitalize()}"


def value_for(rng: random.Random, key: str) -> str:
    """What may stand behind a key."""
    if key in AMOUNT_KEYS:
        return f"{rng.randint(0, 10 ** rng.randint(1, 3))}.{rng.randint(0, 99):02d}"
    if key in COUNT_KEYS:
        return str(rng.randint(1, 10 ** rng.randint(1, 3)))
    if key == "invoice":
        return numbered(rng) if rng.random() < 0.5 else str(rng.randint(100, 99999))
    return {"date": date, "due": date, "time": clock, "phone": telephone}.get(key, names)(rng)


def pair_line(rng: random.Random, key: str, longest: int) -> str:
    """`Total: 12.50` in some case, with a colon or without."""
    case = rng.choice((str.lower, str.capitalize, str.capitalize, str.capitalize, str.upper))
    shown = case(key)
    for _ in range(20):
        line = f"{shown}{rng.choice((':', ':', ''))} {value_for(rng, key)}"
        if len(line) <= longest:
            return line
    return shown


def pair_of(line: str) -> tuple[str, str] | None:
    """Key and value of such a line."""
    head, _, value = line.partition(" ")
    key = head.rstrip(":").lower()
    if key in NUMBER_KEYS:
        return (key, value) if JSON_NUMBER.fullmatch(value) else None
    return (key, value) if value and key in TEXT_KEYS else None


def bought_line(rng: random.Random, longest: int) -> str:
    """`2 Coffee 7.50`: an article of a receipt."""
    case = rng.choice((str.lower, str.capitalize, str.upper))
    price = f"{rng.randint(0, 99)}.{rng.randint(0, 99):02d}"
    count = f"{rng.randint(1, 9)} " if rng.random() < 0.6 else ""
    return f"{count}{case(rng.choice(WORDS))} {price}"[:longest].strip()


def title_line(rng: random.Random, longest: int) -> str:
    """What stands above a form."""
    if rng.random() < 0.4:
        return rng.choice(TITLES)[:longest]
    title = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 2)))
    return rng.choice((str.upper, str.title))(title)[:longest].strip()


def closing_line(rng: random.Random, longest: int) -> str:
    """What stands below a form."""
    words = rng.choice((("thank", "you"), ("thanks",), ("see", "you"), rng.choices(WORDS, k=2)))
    case = rng.choice((str.upper, str.capitalize))
    return (case(" ".join(words)) + rng.choice("!!.")).strip()[:longest]


def sample_form(rng: random.Random, longest: int, max_lines: int) -> list[str]:
    """A small receipt: keys and values, sometimes with a title, an article or a greeting."""
    count = rng.randint(1, max_lines)
    lines = [pair_line(rng, key, longest) for key in rng.sample(KEYS, count)]
    if count > 1 and rng.random() < 0.4:
        lines[0] = title_line(rng, longest)
        if count > 2 and rng.random() < 0.3:
            lines[1] = bought_line(rng, longest)
    if count > 2 and rng.random() < 0.2:
        lines[-1] = closing_line(rng, longest)
    return [line.upper() for line in lines] if rng.random() < 0.15 else lines


LINE_COUNTS = (5, 4, 3, 3)
"""How often a print has one line, two, ..."""


def sample_lines(
    rng: random.Random,
    longest: int = 24,
    max_lines: int = 4,
    counts: tuple[int, ...] = LINE_COUNTS,
) -> list[str]:
    """One to `max_lines` lines; `counts` weighs how many."""
    if rng.random() < 0.4:
        return sample_form(rng, longest, max_lines)
    count = rng.choices(range(1, max_lines + 1), counts[:max_lines])[0]
    return [sample_line(rng, longest) for _ in range(count)]
