"""The commands that look at images: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .command import command
from .options import (
    AnswerOptions,
    Context,
    Images,
    Json,
    Jsonl,
    MaxNewTokens,
    ModelChoice,
    ResolutionOption,
    SomeImages,
)
from .page_options import PageOptions

_OF_FIELDS = "min_field_confidence"

ImagesAndQuestion: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar='IMAGE... "QUESTION"',
        help="Paths, http(s) URLs or data URIs; - reads standard input. Last what to ask about "
        "each of them, as one quoted argument, unless --question or --questions says it.",
    ),
]
Question: TypeAlias = Annotated[
    str | None,
    typer.Option("--question", "-q", metavar="TEXT", help="What to ask about each image."),
]
Answer: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Type that the answer is guaranteed to have: yes-no, integer, number, date or "
        r"list.  \[default: any text]",
    ),
]
Choices: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Possible answers, separated by commas: red,green,blue. Each gets a probability.",
    ),
]
Scale: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SCALE",
        help="Rate on a scale: 1-5, or labels from the lowest: poor,fair,good. The value is "
        "the expected level.",
    ),
]
QuestionsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON object of names and questions, which are answered from one look at the "
        "image: "
        '{"place": "Where was it?", "paid": {"question": "Is it paid?", "answer": "yes-no"}}. '
        "Instead of answer there may be choices (a list), rating (two numbers or labels) or "
        "schema (a JSON schema).",
    ),
]
Check: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Have ocr (RapidOCR) or tesseract read the image too: what both agree on, and where "
        "it stands.",
    ),
]


@command("smolvlm describe photo.jpg other.png --json --model embedded", without=_OF_FIELDS)
def describe(
    images: Images,
    *,
    detail: Annotated[
        str, typer.Option(metavar="NAME", help="brief, normal or detailed.")
    ] = "normal",
    context: Context = None,
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Say in words what each image shows."""
    from .asking import answer_images
    from .image_task import describe_task

    answer_images(images, describe_task(detail, context), pages, choice, options)


@command(
    'smolvlm ask shapes.png "What color is the circle?" --model embedded',
    "smolvlm ask receipt.png --questions questions.json --json",
    without=_OF_FIELDS,
)
def ask(
    arguments: ImagesAndQuestion = None,
    *,
    question: Question = None,
    answer: Answer = None,
    choices: Choices = None,
    rating: Scale = None,
    questions: QuestionsFile = None,
    context: Context = None,
    check: Check = None,
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Answer a question, or many, about each image."""
    from .image_task import AnswerKind, ask_task, images_and_question

    kind = AnswerKind(answer, choices, rating)
    named, asked = images_and_question(arguments or [], question, kind, questions)
    if questions is None:
        from .asking import answer_images

        answer_images(named, ask_task(asked, kind, context, check), pages, choice, options)
    else:
        from ..errors import BadOptions
        from .asking_many import answer_questions
        from .questions_file import read_questions

        if check is not None:
            raise BadOptions("--check does not go with --questions", "Ask one by one.")
        asked_of_all = read_questions(questions)
        answer_questions(named, asked_of_all, context, pages, choice, options)


@command(
    "smolvlm transcribe scan.pdf --pages 1-3,7 --model embedded > scan.txt", without=_OF_FIELDS
)
def transcribe(
    images: Images,
    *,
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="plain, lines or markdown.")
    ] = "plain",
    text: Annotated[
        str,
        typer.Option(
            metavar="FROM",
            help="auto: the text layer of a PDF page where it can be trusted, else the model; or "
            "model. Markdown is always the model's.",
        ),
    ] = "auto",
    context: Context = None,
    check: Check = None,
    source: Annotated[
        str,
        typer.Option(
            metavar="WHOSE",
            help="With --check, whose text is printed: model, ocr, or best of both, word by word.",
        ),
    ] = "model",
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Read the text in each image or page, line by line."""
    from .asking import answer_images
    from .image_task import transcribe_task

    task = transcribe_task(layout, text, context, check, source)
    answer_images(images, task, pages, choice, options)


@command("smolvlm extract invoice.png --schema invoice.json --model embedded")
def extract(
    images: Images,
    *,
    schema: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="JSON Schema of the object to fill in; the answer is guaranteed to fit it.",
        ),
    ],
    context: Context = None,
    check: Check = None,
    pages: PageOptions,
    choice: ModelChoice,
    options: AnswerOptions,
) -> None:
    """Fill in the fields of a JSON schema from each image, and print the JSON."""
    from .asking import answer_images
    from .image_task import extract_task

    answer_images(images, extract_task(schema, context, check), pages, choice, options)


@command("smolvlm chat photo.jpg --model embedded")
def chat(
    images: SomeImages = None,
    *,
    pages: PageOptions,
    choice: ModelChoice,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
) -> None:
    """Talk about images, line by line; without a terminal, answer the lines of standard input.

    /image FILE shows another image, /reset forgets the conversation, /quit or Ctrl-D ends it;
    Ctrl-C stops an answer.
    """
    from .chatting import chat as talk

    talk(images or [], pages, choice, resolution, max_new_tokens)


@command(
    "smolvlm view receipt.png --out view.png --task transcribe",
    without=(
        *("backend", "precision", "device", "adapter"),
        *("memory_budget", "calibration", "base_url"),
    ),
)
def view(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Path, URL or data URI; - reads standard input.")
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="PNG, JPEG or WebP to write.")
    ] = Path("view.png"),
    pages: PageOptions,
    choice: ModelChoice,
    resolution: ResolutionOption = "auto",
    task: Annotated[
        str, typer.Option(metavar="TASK", help="describe, ask or transcribe.")
    ] = "describe",
    check: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Draw the boxes of the words that ocr or tesseract read."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw an image as the model sees it: its tiles and their tokens; loads no weights."""
    from .viewing import Wish, draw

    draw(image, out, pages, choice, Wish(resolution, task, check), as_json=json)


@command(
    "smolvlm plan page.png --memory-budget 900MB --device cuda", without=("adapter", "calibration")
)
def plan(
    images: Images,
    *,
    pages: PageOptions,
    choice: ModelChoice,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="Plan for N of these requests decoding at once.")
    ] = 1,
    task: Annotated[
        str, typer.Option(metavar="TASK", help="describe, ask or transcribe.")
    ] = "describe",
    json: Json = False,
    jsonl: Jsonl = False,
) -> None:
    """Tell how many tiles, tokens and bytes each image would take; loads no weights.

    The device does not have to be present.
    """
    from .entries import parse_form
    from .planning import Wish, print_plans

    wish = Wish(resolution, task, max_new_tokens, batch)
    print_plans(images, pages, choice, wish, parse_form(json, jsonl))
