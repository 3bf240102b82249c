"""The rows of the memory contract: which model, run how, asked what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.prompts import Images

SIZES = {
    "256m": "SmolVLM-256M-Instruct",
    "500m": "SmolVLM-500M-Instruct",
    "2.2b": "SmolVLM-Instruct",
}
"""Their folders' names under `benchmarks/.checkpoints`."""

IMAGES = ("none", "icon", "photo", "page")
"""No image, or one of 512x512, 1024x768 or 1700x2200 pixels."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; backend, precision and budget as `SmolVLM.load` takes them."""

    size: str  # a key of `SIZES`
    backend: str
    precision: str
    image: str  # one of `IMAGES`
    count: int = 1  # images of each request, all different
    batch: int = 1  # requests at once
    budget: str = ""

    def __str__(self) -> str:
        asked = [f"{self.count}x{self.image}", f"batch{self.batch}"]
        budget = [self.budget] if self.budget else []
        return "-".join([self.size, self.backend, self.precision, *asked, *budget])

    def files(self, images: Images, number: int) -> tuple[Path, ...]:
        """The images of request `number`; no two requests have the same."""
        if self.image == "none":
            return ()
        if self.image == "page":
            return images.pages[number * self.count : (number + 1) * self.count]
        if self.image == "photo":
            return (images.photo,)
        return (images.icon if self.batch == 1 else images.small[number],)


def _grid(sizes: str, backend: str, precisions: str, images: str) -> list[Row]:
    """A row for each combination of the words in `sizes`, `precisions` and `images`."""
    return [
        Row(size, backend, precision, image)
        for size in sizes.split()
        for precision in precisions.split()
        for image in images.split()
    ]


BUDGETS = (
    Row("256m", "auto", "auto", "page", budget="1GB"),
    Row("256m", "auto", "auto", "page", count=4, budget="1GB"),
    Row("256m", "auto", "auto", "page", budget="600MB"),
    Row("256m", "auto", "auto", "page", count=4, budget="600MB"),
    Row("256m", "auto", "auto", "icon", batch=4, budget="600MB"),
    Row("256m", "auto", "auto", "photo", budget="smallest"),
    Row("500m", "auto", "auto", "page", budget="1GB"),
    Row("500m", "auto", "auto", "page", budget="smallest"),
    Row("256m", "torch", "auto", "icon", budget="800MB"),
)
SEVERAL = (
    Row("256m", "onnx", "int8", "page", count=4),
    Row("256m", "onnx", "int8", "icon", batch=4),
    Row("256m", "onnx", "int8", "page", batch=2),
    Row("256m", "onnx", "fp32", "icon", batch=4),
    Row("256m", "onnx", "q4", "page", count=2),
    Row("500m", "onnx", "int8", "icon", batch=4),
    Row("256m", "torch", "fp32", "icon", batch=4),
    Row("256m", "torch", "int8", "icon", batch=4),
)
LIBRARIES = (
    "fp16 bnb-int8 bnb-nf4 torchao-int8 torchao-int8-dynamic torchao-int4 quanto-int8 quanto-int4 "
    "quanto-float8"
)
ROWS = (
    *BUDGETS,
    *_grid("256m", "torch", LIBRARIES, "icon"),
    *_grid("256m 500m", "torch", "fp32 bf16 int8 q4", "none icon photo"),
    *_grid("256m", "torch", "fp32 int8", "page"),
    *_grid("256m 500m", "onnx", "int8 q4", "none icon photo page"),
    *_grid("256m 500m", "onnx", "fp32", "none icon photo"),
    Row("256m", "onnx", "vision=int8,embed=int8,decoder=q4", "page"),
    Row("256m", "onnx", "vision=fp32,embed=fp32,decoder=int8", "photo"),
    *SEVERAL,
    *_grid("256m", "openvino", "int8", "icon page"),
    *_grid("2.2b", "onnx", "int8 q4", "none icon"),
    *_grid("2.2b", "torch", "int8 q4", "none icon"),
)
