"""Answers as values of a type: never malformed, with a confidence, and held back when too unsure.

    python examples/typed_answers.py

Runs offline on the model inside the package, which knows coloured shapes and short print, nothing
else; every other checkpoint is asked the same way. What is shown is asserted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PIL import Image
from pydantic import BaseModel, Field

from smolvlm_tools import IncompleteAnswer, SchemaNotSupported, SmolVLM

IMAGES = Path(__file__).parent / "images"
SHAPES = IMAGES / "shapes.png"  # a red circle, a blue square and a green triangle
RECEIPT = IMAGES / "receipt.png"  # CORNER CAFE / 2 COFFEE 7.50 / TOTAL 7.50 / THANK YOU!
Color = Literal["red", "blue", "green", "yellow", "black"]
Kind = Literal["circle", "square", "triangle", "star"]


class Scene(BaseModel):
    """What is to be read from a picture."""

    count: int = Field(ge=0, le=9, description="how many shapes there are")
    colors: list[Color] = Field(min_length=1, max_length=4)


class Receipt(BaseModel):
    """What is to be read from a receipt."""

    vendor: str = Field(max_length=40)
    total: float = Field(ge=0)


def types_of_answers(vlm: SmolVLM) -> None:
    """The value has the type that was asked for; no text has to be parsed."""
    assert vlm.ask(SHAPES, "Is there a red circle?", answer=bool).value is True
    assert vlm.ask(SHAPES, "Is there a yellow star?", answer=bool).value is False
    assert vlm.ask(SHAPES, "How many shapes are there?", answer=int).value == 3
    assert vlm.ask(SHAPES, "What color is the circle?", answer=Color).value == "red"
    lines = vlm.ask(SHAPES, "What do you see?", answer=list[str]).value
    assert lines[0].startswith("The image shows")


def confidence(vlm: SmolVLM) -> None:
    """A choice tells the probability of every option; the caller says how sure is enough."""
    shape = vlm.ask(SHAPES, "What shape is at the bottom?", answer=Kind)
    assert shape.value == "triangle"
    assert shape.probabilities is not None
    assert shape.confidence == max(shape.probabilities.values())
    assert abs(sum(shape.probabilities.values()) - 1) < 1e-6

    question = "How many shapes are there?"
    sure = vlm.ask(SHAPES, question, answer=int, min_confidence=0.3)
    unsure = vlm.ask(SHAPES, question, answer=int, min_confidence=1.0)
    assert (sure.value, sure.abstained) == (3, False)
    assert (unsure.value, unsure.abstained) == (None, True)
    assert unsure.confidence < 1.0


def fields(vlm: SmolVLM) -> None:
    """A pydantic class gives an instance, a JSON schema plain data, however small the model."""
    scene = vlm.extract(SHAPES, Scene)
    assert isinstance(scene.value, Scene)  # its shape is certain, what it says is not
    assert scene.field_confidence is not None
    assert 0 < scene.field_confidence["/count"] <= 1

    schema = {
        "type": "object",
        "properties": {"color": {"enum": ["red", "blue"]}, "note": {"type": "string"}},
        "required": ["color", "note"],
    }
    plain = vlm.extract(SHAPES, schema)
    assert set(plain.value) == {"color", "note"}
    assert plain.value["color"] in ("red", "blue")

    cut = vlm.extract(SHAPES, schema, max_new_tokens=3)  # no value is made up
    assert (cut.value, cut.abstained, cut.incomplete) == (None, True, "cut")
    assert (cut.finish_reason, cut.flags) == ("length", ("truncated",))
    try:
        vlm.extract(SHAPES, schema, max_new_tokens=3, on_incomplete="raise")
    except IncompleteAnswer as error:
        assert error.text == cut.text and "max_new_tokens" in error.remedy
    else:
        raise AssertionError("a cut answer was handed out")

    try:
        vlm.extract(SHAPES, {"type": "object", "properties": {"a": {"type": "text"}}})
    except SchemaNotSupported as error:
        assert error.keyword == "type"  # refused before the model runs
    else:
        raise AssertionError("a schema that cannot be enforced was accepted")


def receipt(vlm: SmolVLM) -> None:
    """What is printed becomes a value: the total is a number, and a `Receipt` has it."""
    read = vlm.extract(RECEIPT, Receipt)
    assert read.value == Receipt(vendor="CORNER CAFE", total=7.5)
    assert read.field_confidence is not None
    assert read.field_confidence["/total"] > 0.5
    total = vlm.ask(RECEIPT, "What is the total?", answer=float)
    assert total.value == 7.5


def doubtful_images(vlm: SmolVLM) -> None:
    """A picture without content is recognised from its pixels, whatever the model says of it."""
    blank = Image.new("RGB", (128, 128), "white")
    assert vlm.ask(blank, "How many shapes are there?", answer=int).flags == ("blank_image",)
    assert vlm.ask(SHAPES, "How many shapes are there?", answer=int).flags == ()


def several_images(vlm: SmolVLM) -> None:
    """A list of images is one question about all of them."""
    both = vlm.ask([SHAPES, RECEIPT], "Is there a red circle?", answer=bool)
    assert isinstance(both.value, bool)
    assert len(both.image_sha256) == 2


def main() -> None:
    """Show everything."""
    with SmolVLM.load("embedded") as vlm:
        for show in (
            types_of_answers,
            confidence,
            fields,
            receipt,
            doubtful_images,
            several_images,
        ):
            show(vlm)
            print(f"ok  {show.__name__.replace('_', ' ')}")


if __name__ == "__main__":
    main()
