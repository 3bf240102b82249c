"""The commands that look at images, and their help; each hands over to its module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DEFAULT_MODEL,
    Adapter,
    Backend,
    Context,
    Device,
    Images,
    Json,
    MaxNewTokens,
    MemoryBudget,
    MinConfidence,
    Model,
    ModelChoice,
    Offline,
    Precision,
    ResolutionOption,
    Revision,
    Stream,
)


def describe(
    images: Images,
    detail: Annotated[
        str, typer.Option(metavar="NAME", help="brief, normal or detailed.")
    ] = "normal",
    context: Context = None,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    min_confidence: MinConfidence = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Say in words what each image shows."""
    from .asking import Asking, answer_images
    from .wishes import describing

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
    wish = describing(detail, context)
    asking = Asking(wish, resolution, max_new_tokens, min_confidence, json, stream)
    answer_images(images, choice, asking)


def ask(
    images: Images,
    question: Annotated[
        str,
        typer.Argument(
            metavar="QUESTION",
            help="What to ask about each image, as one quoted argument.",
            show_default=False,
        ),
    ],
    answer: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Type of the answer, which it then has for certain: yes-no, integer, number, date "
            r"or list.  \[default: any text]",
            show_default=False,
        ),
    ] = None,
    choices: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Possible answers, with commas: red,green,blue. Each gets a probability.",
            show_default=False,
        ),
    ] = None,
    context: Context = None,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    min_confidence: MinConfidence = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Answer a question about each image."""
    from .asking import Asking, answer_images
    from .wishes import asking_for

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
    wish = asking_for(question, answer, choices, context)
    asking = Asking(wish, resolution, max_new_tokens, min_confidence, json, stream)
    answer_images(images, choice, asking)


def transcribe(
    images: Images,
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="plain, lines or markdown.")
    ] = "plain",
    context: Context = None,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    min_confidence: MinConfidence = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Read the text in each image, line by line."""
    from .asking import Asking, answer_images
    from .wishes import transcribing

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
    wish = transcribing(layout, context)
    asking = Asking(wish, resolution, max_new_tokens, min_confidence, json, stream)
    answer_images(images, choice, asking)


def extract(
    images: Images,
    schema: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="JSON Schema of the object to fill in; the answer fits it for certain.",
            show_default=False,
        ),
    ],
    context: Context = None,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    adapter: Adapter = None,
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    min_confidence: MinConfidence = None,
    json: Json = False,
    stream: Stream = None,
    offline: Offline = False,
) -> None:
    """Fill in the fields of a JSON schema from each image, and print the JSON."""
    from .asking import Asking, answer_images
    from .wishes import extracting

    choice = ModelChoice(
        model, revision, backend, precision, device, offline, adapter, memory_budget
    )
    wish = extracting(schema, context)
    asking = Asking(wish, resolution, max_new_tokens, min_confidence, json, stream)
    answer_images(images, choice, asking)


def plan(
    images: Images,
    model: Model = DEFAULT_MODEL,
    revision: Revision = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    memory_budget: MemoryBudget = None,
    resolution: ResolutionOption = "auto",
    max_new_tokens: MaxNewTokens = None,
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="Such requests that decode together.")
    ] = 1,
    task: Annotated[
        str, typer.Option(metavar="TASK", help="describe, ask or transcribe.")
    ] = "describe",
    json: Json = False,
    offline: Offline = False,
) -> None:
    """Tell how many tiles, tokens and bytes each image would take; loads no weights.

    The device need not be there.
    """
    from .planning import Wish, print_plans

    choice = ModelChoice(model, revision, backend, precision, device, offline, None, memory_budget)
    print_plans(images, choice, Wish(resolution, task, max_new_tokens, batch), json)
