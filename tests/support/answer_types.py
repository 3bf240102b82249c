"""Types of answers that a request may ask for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

COLOURS = Literal["red", "green", "blue", "yellow"]


class Shape(BaseModel):
    color: Literal["red", "green", "blue"]
    count: int = Field(ge=0, le=9)


class Scene(BaseModel):
    main: Shape
    title: str
