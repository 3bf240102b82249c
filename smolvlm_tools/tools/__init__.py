"""The typed tools that agents call: one registry, one `call`, schemas for every protocol.

    registry    name, description, input and output model of each tool (tool: what that is)
    work        what each asks the engine for, and what it makes of the result
    inputs, outputs, schema     the models, and their JSON schemas in plain form
    arguments   what was sent -> a checked input model        formats   schemas for each protocol
    images      images by handles                             outlook   cost, before anything runs
    toolbox     ties them to an engine that is loaded when first needed (lazy)
    discretion  what errors may tell an agent

Knows the engine's public methods; no framework and no protocol's transport.
"""

from __future__ import annotations

from .formats import FORMATS, tool_schemas
from .images import ImageStore, StoredImage, agent_policy
from .registry import TOOLS, find_tool
from .schema import ToolInput, ToolOutput
from .tool import Tool
from .toolbox import Toolbox, ToolProgress

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
    "tool_schemas",
]
