"""`plan_image`: what a call would cost."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from ...types import Task
from ..image_store import StoredImage
from ..inputs import ImagesInput
from ..outlook import Outlook
from ..page_choice import PageChoice
from ..replies import ImageRef
from ..schema import ToolOutput
from ..tool import ImageTool


class PlanImage(ImagesInput):
    """Arguments of `plan_image`."""

    task: Task = Field(
        default="describe", description="What would be done; ask stands for all questions."
    )

    @property
    def page_choice(self) -> PageChoice:
        return PageChoice(self.pages, takes_all=self.task == "transcribe")


class ImageCost(ImageRef):
    """An image and how it would be cut."""

    rows: int = Field(description="Of the grid it is cut into; 0 for one single piece.")
    cols: int = Field(description="Of the grid it is cut into; 0 for one single piece.")
    tiles: int = Field(description="Pieces in all, a small overall view included.")
    tokens: int = Field(description="Prompt tokens that it takes.")


class ExpectedCost(ToolOutput):
    """Result of `plan_image`."""

    images: list[ImageCost] = Field(description="The images in order, with handles.")
    tiles: int = Field(description="Pieces of all images.")
    prompt_tokens: int = Field(description="Tokens the model would read; a question adds to them.")
    context_length: int = Field(description="Tokens the model can hold, the reply included.")
    predicted_bytes: int | None = Field(
        default=None, description="Memory that would be in use, the model included."
    )
    seconds: float | None = Field(
        default=None,
        description="Seconds until the reply is complete, as far as can be told: see basis.",
    )
    basis: str = Field(description="What seconds was computed from, or why it is missing.")
    model: str = Field(description="The model that would answer.")


def _look(outlook: Outlook, arguments: PlanImage, images: Sequence[StoredImage]) -> ExpectedCost:
    expected = outlook.plan(images, arguments.task)
    plan, forecast = expected.plan, expected.forecast
    copied = {"tiles", "prompt_tokens", "context_length", "predicted_bytes", "model"}
    return ExpectedCost(
        images=[
            ImageCost(
                **ImageRef.of(image).model_dump(),
                **planned.model_dump(include={"rows", "cols", "tiles", "tokens"}),
            )
            for image, planned in zip(images, plan.images, strict=True)
        ],
        seconds=None if forecast is None else round(forecast.seconds, 3),
        basis=expected.basis,
        **plan.model_dump(include=copied),
    )


TOOL = ImageTool(
    name="plan_image",
    title="What an image would cost",
    description="Tell, without running the model, into how many tiles and tokens images would be "
    "cut and how much memory and time a call would take. Use it before many or large images.",
    input=PlanImage,
    output=ExpectedCost,
    look=_look,
)
