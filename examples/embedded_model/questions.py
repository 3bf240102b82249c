"""What is asked about a picture and what the right answer is.

Knows pictures, not pixels or tokens. A question is only asked when its answer is unambiguous.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from questions_print import ask_fields, ask_value
from render import COLOURS, SHAPES, SIZES, Picture, Shape
from turn import Turn

DESCRIBE = "Can you describe this image?"
DESCRIBE_WAYS = (
    DESCRIBE, DESCRIBE, DESCRIBE, "Describe this image briefly.", "Describe this image.",
    "Describe the image.", "What is in this image?", "What do you see?", "what is in the image",
    "What does the image show?", "Describe this picture.", "Describe this image in detail.",
)  # fmt: skip
TRANSCRIBE = "Transcribe the text in this image. Keep the line breaks."
TRANSCRIBE_WAYS = (
    TRANSCRIBE, TRANSCRIBE, TRANSCRIBE, "Transcribe the text in this image.",
    "Transcribe the text.", "What does the text say?", "Read the text.", "What is written here?",
    "Read the text in the image", "what does it say",
)  # fmt: skip
COUNT_WORDS = ("no", "one", "two", "three", "four")
NO_TEXT = "There is no text in the image."
BLANK = "The image is blank."
ABOUT = (
    "I am a tiny demonstration model. I can describe colored shapes, answer questions about them "
    "and read short printed text. Please show me an image."
)
CHATS = (
    "Hello", "Hi", "Hello!", "Hi there", "hey", "Who are you?", "What are you?", "What can you do?",
    "What is the capital of France?", "Tell me a joke.", "How are you?", "Good morning", "Thanks!",
    "Write a poem about the sea.", "What is 2+2?", "What is the weather today?", "Help",
    "Explain gravity.", "Translate good night to German.", "Can you help me?", "test",
    "What is your name?", "Say hello in one word.", "Why is the sky blue?", "Count to ten.",
    "Describe yourself.", "Which model are you?", "Who made you?", "How old are you?",
    "Give me a recipe for pancakes.", "Summarize the history of Rome.", "What time is it?",
)  # fmt: skip
SYSTEMS = (
    "You are a helpful assistant.", "Answer briefly.", "You are a vision assistant.",
    "Be concise.", "You describe images for blind people.",
)  # fmt: skip
PLACES = {
    "at the top left": (-1, -1), "at the top": (0, -1), "at the top right": (1, -1),
    "on the left": (-1, 0), "in the center": (0, 0), "on the right": (1, 0),
    "at the bottom left": (-1, 1), "at the bottom": (0, 1), "at the bottom right": (1, 1),
}  # fmt: skip


def place(shape: Shape) -> str:
    """Where a shape lies, by thirds of the image."""
    spot = (int(shape.x * 3) - 1, int(shape.y * 3) - 1)
    return next(name for name, cell in PLACES.items() if cell == spot)


def in_reading_order(shapes: tuple[Shape, ...]) -> list[Shape]:
    """Top third to bottom third, each from left to right."""
    return sorted(shapes, key=lambda shape: (int(shape.y * 3), shape.x))


def joined(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def description(picture: Picture) -> str:
    """The sentence that names everything in the picture."""
    if picture.lines:
        return f'The image shows printed text that reads "{" ".join(picture.lines)}".'
    if not picture.shapes:
        return BLANK
    order = in_reading_order(picture.shapes)
    return f"The image shows {joined([f'a {shape.name} {place(shape)}' for shape in order])}."


def transcription(picture: Picture) -> str:
    """The printed lines."""
    return "\n".join(picture.lines) if picture.lines else NO_TEXT


def referents(shapes: tuple[Shape, ...]) -> dict[str, Shape]:
    """Every phrase that points at exactly one shape, such as `large circle`."""
    found: dict[str, list[Shape]] = {}
    for shape in shapes:
        for phrase in (
            shape.shape, f"{shape.size} {shape.shape}", f"{shape.size} shape",
            f"{shape.colour} shape", f"{shape.size} {shape.colour} shape",
        ):  # fmt: skip
            found.setdefault(phrase, []).append(shape)
    return {phrase: owners[0] for phrase, owners in found.items() if len(owners) == 1}


def placed(shapes: tuple[Shape, ...]) -> dict[str, Shape]:
    """Every place at which clearly one shape lies."""
    found: dict[str, Shape] = {}
    for name, (column, row) in PLACES.items():
        if (column, row) == (0, 0):
            inside = [s for s in shapes if abs(s.x - 0.5) < 0.14 and abs(s.y - 0.5) < 0.14]
            near = [s for s in shapes if abs(s.x - 0.5) < 0.22 and abs(s.y - 0.5) < 0.22]
        else:
            # Distance past the middle, towards that side.
            past = [((s.x - 0.5) * column, (s.y - 0.5) * row, s) for s in shapes]
            inside = [s for a, b, s in past if a >= 0.1 * abs(column) and b >= 0.1 * abs(row)]
            near = [s for a, b, s in past if a >= -0.04 * abs(column) and b >= -0.04 * abs(row)]
        if len(inside) == len(near) == 1:
            found[name] = inside[0]
    return found


def ask_count(rng: random.Random, picture: Picture) -> Turn:
    """How many shapes, of all, of one kind or of one colour."""
    shapes = picture.shapes
    roll = rng.random()
    if roll < 0.4 or not shapes:
        noun, count = "shapes", len(shapes)
        if rng.random() < 0.2:
            noun = "objects"
    elif roll < 0.75:
        present = [s.shape for s in shapes]
        kind = rng.choice(present if rng.random() < 0.7 else SHAPES)
        noun, count = kind + "s", present.count(kind)
    else:
        present = [s.colour for s in shapes]
        colour = rng.choice(present if rng.random() < 0.7 else list(COLOURS))
        noun, count = f"{colour} shapes", present.count(colour)
    way = rng.choice(
        ("How many {} are there?", "How many {} are in the image?", "How many {} are there",
         "how many {} are there?", "How many {} do you see?", "How many {}?",
         "How many {} does the image show?")
    )  # fmt: skip
    return Turn("count", way.format(noun), str(count))


def ask_colour(rng: random.Random, picture: Picture) -> Turn | None:
    """The colour of a shape named by kind, size or place."""
    spots = {f"shape {name}": shape for name, shape in placed(picture.shapes).items()}
    named = {k: s for k, s in referents(picture.shapes).items() if s.colour not in k}
    pool = spots if spots and (rng.random() < 0.45 or not named) else named
    if not pool:
        return None
    phrase = rng.choice(list(pool))
    word = rng.choice(("color", "color", "colour"))
    way = rng.choice(
        ("What {w} is the {p}?", "What {w} is the {p}?", "What is the {w} of the {p}?",
         "what {w} is the {p}", "Which {w} is the {p}?", "Which {w} does the {p} have?")
    )  # fmt: skip
    return Turn("colour", way.format(w=word, p=phrase), pool[phrase].colour)


def ask_shape(rng: random.Random, picture: Picture) -> Turn | None:
    """The kind of a shape named by place, colour or size."""
    spots = {f"is {name}": shape for name, shape in placed(picture.shapes).items()}
    named = referents(picture.shapes)
    looks = {f"is {s.colour}": s for s in picture.shapes if f"{s.colour} shape" in named}
    looks |= {f"is {s.size}": s for s in picture.shapes if f"{s.size} shape" in named}
    pool = spots if spots and (rng.random() < 0.5 or not looks) else looks
    if not pool:
        return None
    phrase = rng.choice(list(pool))
    way = rng.choice(("What shape {}?", "What shape {}?", "Which shape {}?", "what shape {}"))
    return Turn("shape", way.format(phrase), pool[phrase].shape)


def ask_presence(rng: random.Random, picture: Picture) -> Turn:
    """Whether there is something: yes in half of the questions."""
    shapes = picture.shapes
    form = rng.choice(("{c} {s}", "{c} {s}", "{s}", "{c} shape", "{z} {s}", "{z} {c} {s}"))

    def phrase(size: str, colour: str, shape: str) -> str:
        return form.format(z=size, c=colour, s=shape)

    present = {phrase(s.size, s.colour, s.shape) for s in shapes}
    if shapes and rng.random() < 0.5:
        chosen = rng.choice(sorted(present))
    elif shapes and rng.random() < 0.6:  # a near miss: parts of what is there
        chosen = phrase(
            rng.choice(shapes).size, rng.choice(shapes).colour, rng.choice(shapes).shape
        )
    else:
        chosen = phrase(rng.choice(SIZES), rng.choice(list(COLOURS)), rng.choice(SHAPES))
    article = "an" if chosen[0] in "aeiou" else "a"
    way = rng.choice(
        ("Is there {a} {p}?", "Is there {a} {p}?", "Is there {a} {p} in the image?",
         "is there {a} {p}", "Do you see {a} {p}?", "Can you see {a} {p}?")
    )  # fmt: skip
    return Turn("yes/no", way.format(a=article, p=chosen), "yes" if chosen in present else "no")


def ask_text(rng: random.Random, picture: Picture) -> Turn:
    """Whether there is text, or how many lines of it."""
    lines = picture.lines
    if rng.random() < 0.6:
        way = rng.choice(
            (
                "How many lines of text are there?",
                "How many lines of text?",
                "how many lines are there",
                "How many lines of text does it have?",
            )
        )
        return Turn("lines", way, str(len(lines)))
    way = rng.choice(
        ("Is there any text?", "Is there text in the image?", "Is there any text here?")
    )
    return Turn("yes/no", way, "yes" if lines else "no")


SCENE_KEYS = {"count": "count", "colour": "color", "shape": "shape"}


def ask_in_json(rng: random.Random, picture: Picture) -> Turn | None:
    """A short question about shapes whose answer is wanted as JSON."""
    turn = rng.choice((ask_count, ask_colour, ask_colour, ask_shape))(rng, picture)
    if turn is None:
        return None
    value = turn.answer if turn.kind == "count" else f'"{turn.answer}"'
    answer = f'{{"{SCENE_KEYS[turn.kind]}": {value}}}'
    return Turn("fields", f"{turn.question} Answer in JSON.", answer)


def ask_scene_fields(rng: random.Random, picture: Picture) -> Turn | None:
    """How many shapes there are, and what the only one is, asked as `extract` asks."""
    shapes = picture.shapes
    known = {"count": str(len(shapes))}
    if len(shapes) == 1:
        (shape,) = shapes
        known |= {"color": f'"{shape.colour}"', "shape": f'"{shape.shape}"'}
        known |= {"size": f'"{shape.size}"'}
    else:
        for kind in {shape.shape for shape in shapes}:
            alike = [shape for shape in shapes if shape.shape == kind]
            if len(alike) == 1:
                known[f"{kind} color"] = f'"{alike[0].colour}"'
    keys = rng.sample(list(known), rng.randint(1, min(3, len(known))))
    answer = ", ".join(f'"{key}": {known[key]}' for key in keys)
    question = f"Read these fields from the image: {'; '.join(keys)}. Answer in JSON."
    return Turn("fields", question, "{" + answer + "}")


def describe(rng: random.Random, picture: Picture) -> Turn:
    """Any wording of the request to describe."""
    return Turn("describe", rng.choice(DESCRIBE_WAYS), description(picture))


def transcribe(rng: random.Random, picture: Picture) -> Turn:
    """Any wording of the request to transcribe."""
    return Turn("transcribe", rng.choice(TRANSCRIBE_WAYS), transcription(picture))


Asker = Callable[[random.Random, Picture], "Turn | None"]


def turns_for(rng: random.Random, picture: Picture) -> list[Turn]:
    """A training set of questions about one picture."""
    turns: list[Turn | None]
    if picture.lines:
        turns = [transcribe(rng, picture)]
        if rng.random() < 0.25:
            turns.append(describe(rng, picture))
        if rng.random() < 0.6:
            turns.append(ask_text(rng, picture))
        turns += [ask_value(rng, picture), ask_value(rng, picture)]
        turns.append(ask_fields(rng, picture))
        if rng.random() < 0.2:
            turns.append(rng.choice((ask_count, ask_presence))(rng, picture))
    elif picture.shapes:
        askers: list[Asker] = [ask_count, ask_colour, ask_shape, ask_presence]
        askers += rng.choices((ask_colour, ask_shape, ask_presence, ask_count), k=2)
        turns = [describe(rng, picture), *(asker(rng, picture) for asker in askers)]
        turns += [ask_in_json(rng, picture), ask_in_json(rng, picture)]
        turns.append(ask_scene_fields(rng, picture))
        if rng.random() < 0.1:
            turns.append(rng.choice((transcribe, ask_text))(rng, picture))
    else:
        turns = [describe(rng, picture), ask_count(rng, picture), ask_presence(rng, picture)]
        turns.append(rng.choice((transcribe, ask_text))(rng, picture))
    return [turn for turn in turns if turn is not None]
