"""The typed tools that agents call: one registry, one `call`, schemas for every protocol.

catalogue/   one file a tool: its input and output model, its engine call, its description
registry     the tools by name                        tool       what a tool is
question     a typed question and its answer
inputs, replies   fields that several tools share     schema     models -> plain JSON schemas
checked      what a second reader says of a reply, whole and for an agent
arguments    what was sent -> a checked input model   formats    the schemas for each protocol
image_store  images and pages by handle               outlook    cost before anything runs
page_choice  which pages of documents are meant       progress   how far a call has come
videos       which images are videos
toolbox      runs tools on an engine that is loaded when first needed
redact       errors without paths of this machine     speed      rates of earlier requests
"""

from __future__ import annotations

from .checked import for_agent
from .formats import FORMATS, tool_schemas
from .image_store import ImageStore, StoredImage, agent_policy
from .progress import ToolProgress, report_loading
from .redact import redact
from .registry import TOOLS, find_tool
from .schema import ToolInput, ToolOutput
from .tool import Tool
from .toolbox import Toolbox

__all__ = [
    "FORMATS",
    "TOOLS",
    "ImageStore",
    "StoredImage",
    "Tool",
    "ToolInput",
    "ToolOutput",
    "ToolProgress",
    "Toolbox",
    "agent_policy",
    "find_tool",
    "for_agent",
    "redact",
    "report_loading",
    "tool_schemas",
]
