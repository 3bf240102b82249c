"""The wording of each ready-made task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydantic import BaseModel

from ..errors import BadOptions, BadPrompt
from ..images import ImageSource
from ..pages.video import Clip
from ..types import Detail, ImagePart, Message, Task, TextLayout, TextPart

Images: TypeAlias = ImageSource | Clip | Sequence[ImageSource | Clip]
"""An image or video, or a list or tuple of them."""

DESCRIBE: dict[Detail, str] = {
    "brief": "Describe this image briefly.",
    "normal": "Can you describe this image?",
    "detailed": "Describe this image in detail.",
}
TRANSCRIBE: dict[TextLayout, str] = {
    "plain": "Transcribe the text in this image. Keep the line breaks.",
    "lines": "Transcribe the text in this image. Keep the line breaks.",
    "markdown": "Transcribe the text in this image as Markdown. Keep headings, lists and tables.",
}
IN_JSON = "Answer in JSON."
"""Ends a request whose answer is held to an object: a model that expects JSON reads better."""

_LONGEST_FIELD_LIST = 4000


def describe_messages(
    images: Images, detail: Detail = "normal", context: str | None = None
) -> tuple[Message, ...]:
    """Ask for a description; see `task_messages`."""
    return _turn(images, _chosen("detail", detail, DESCRIBE), context)


def ask_messages(images: Images, question: str, context: str | None = None) -> tuple[Message, ...]:
    """Ask `question`; see `task_messages`."""
    return _turn(images, _text("question", question), context)


def transcribe_messages(
    images: Images, layout: TextLayout = "plain", context: str | None = None
) -> tuple[Message, ...]:
    """Ask for the text; see `task_messages`."""
    return _turn(images, _chosen("layout", layout, TRANSCRIBE), context)


def extract_messages(
    images: Images, schema: Mapping[str, Any], context: str | None = None
) -> tuple[Message, ...]:
    """Ask for the fields of a JSON schema; see `task_messages`."""
    fields = "; ".join(_field_list(schema))[:_LONGEST_FIELD_LIST]
    wanted = f"Read these fields from the image: {fields}." if fields else "Read the image."
    return _turn(images, f"{wanted} {IN_JSON}", context)


def schema_of(schema: object) -> Mapping[str, Any]:
    """The JSON schema behind a schema or a pydantic class.

    Raises:
        BadOptions: it is neither.
    """
    if isinstance(schema, Mapping):
        return cast("Mapping[str, Any]", schema)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    raise BadOptions(
        f"`schema={schema!r}` is not one", "Pass a JSON-schema dict or a pydantic model class."
    )


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A ready-made task.

    Attributes:
        messages: the conversation about images, given a question that the task may ignore.
        min_side: fewest tiles along the longest edge under resolution "auto".
        reads: whether it reads print, for which pages are turned upright.
    """

    messages: Callable[[Images, str], tuple[Message, ...]]
    min_side: int = 1
    reads: bool = False


TASKS: dict[str, TaskSpec] = {
    "describe": TaskSpec(lambda images, _: describe_messages(images)),
    "ask": TaskSpec(ask_messages),
    "transcribe": TaskSpec(
        lambda images, _: transcribe_messages(images),
        min_side=2,  # print needs more pixels than a scene
        reads=True,
    ),
}
"""The tasks by name. A new one takes one line here, and its name in `types.Task` for type checkers;
a method of its own, if it wants one, goes to `engine.task_methods`."""


def parse_task(task: object) -> Task | None:
    """Return `task` if it is one, or None."""
    if task is None or (isinstance(task, str) and task in TASKS):
        return cast("Task | None", task)
    raise BadOptions(f"unknown task {task!r}", f"Use one of {', '.join(TASKS)}.")


def reads_print(task: Task | None) -> bool:
    """Whether the pages of a task are turned upright to be read."""
    return task is not None and TASKS[task].reads


def task_messages(image: Images, task: Task, question: str = "") -> tuple[Message, ...]:
    """The conversation of a ready-made task: images, then a text.

    Args:
        task: "describe" and "transcribe" bring their own wording.
        question: what to ask, for "ask".

    Raises:
        BadPrompt: the question is empty or not text, or there is no image.
    """
    return TASKS[parse_task(task) or "describe"].messages(image, question)


def _turn(images: Images, text: str, context: str | None) -> tuple[Message, ...]:
    several = isinstance(images, (list, tuple))
    sources = cast("Sequence[ImageSource | Clip]", images if several else [images])
    if not sources:
        raise BadPrompt("there is no image", "Pass at least one.")
    if context is not None:
        text = f"Context: {_text('context', context)}\n{text}"
    parts = [ImagePart(image=source) for source in sources]
    return (Message(role="user", content=(*parts, TextPart(text=text))),)


def _text(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise BadPrompt(f"the {name} is {type(text).__name__}, not text", "Pass a str.")
    if not text.strip():
        remedy = "Ask something about the image." if name == "question" else "Leave it out."
        raise BadPrompt(f"the {name} is empty", remedy)
    return text


def _chosen(name: str, choice: str, wordings: Mapping[Any, str]) -> str:
    if choice not in wordings:
        raise BadOptions(f"unknown {name} {choice!r}", f"Use one of {', '.join(wordings)}.")
    return wordings[choice]


def _field_list(schema: Mapping[str, Any]) -> Iterable[str]:
    """`name` or `name (what it is)` of every property at the top."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return
    for name, about in cast("Mapping[str, Any]", properties).items():
        told = cast("Mapping[str, Any]", about).get("description") if about else None
        yield f"{name} ({told})" if isinstance(told, str) else name
