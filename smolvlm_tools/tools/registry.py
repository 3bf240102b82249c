"""Every tool by its name: a new one is a file in `catalogue/` and its entry here."""

from __future__ import annotations

from ..errors import UnknownTool
from ..images.encodings import abbreviate
from .catalogue import (
    answer_question,
    answer_questions,
    compare_images,
    describe_image,
    extract_fields,
    load_image,
    plan_image,
    transcribe_image,
)
from .tool import ImageTool, ModelTool

_CATALOGUE = (
    describe_image,
    answer_question,
    answer_questions,
    transcribe_image,
    extract_fields,
    compare_images,
    plan_image,
    load_image,
)
TOOLS: dict[str, ModelTool | ImageTool] = {module.TOOL.name: module.TOOL for module in _CATALOGUE}


def find_tool(name: object) -> ModelTool | ImageTool:
    """Look a tool up by name.

    Raises:
        UnknownTool: there is none of that name.
    """
    tool = TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        shown = repr(abbreviate(name, 60)) if isinstance(name, str) else type(name).__name__
        raise UnknownTool(f"there is no tool {shown}", f"Tools are {', '.join(TOOLS)}.")
    return tool
