"""The wording of each ready-made task; knows messages, not models."""

from __future__ import annotations

from .errors import BadPrompt
from .images import ImageSource
from .types import ImagePart, Message, Task, TextPart

PROMPTS: dict[Task, str] = {
    "describe": "Can you describe this image?",
    "transcribe": "Transcribe the text in this image. Keep the line breaks.",
}


def task_messages(image: ImageSource, task: Task, question: str = "") -> tuple[Message, ...]:
    """The conversation of a ready-made task: an image, then a text.

    Args:
        image: any source `load_image` takes.
        task: "describe" and "transcribe" bring their own wording.
        question: what to ask, for "ask".

    Raises:
        BadPrompt: the question is empty or no text.
    """
    text = PROMPTS.get(task, question)
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadPrompt(f"the question is {type(text).__name__}, not text", "Pass a str.")
    if not text.strip():
        raise BadPrompt("the question is empty", "Ask something about the image.")
    return (Message(role="user", content=(ImagePart(image=image), TextPart(text=text))),)
