"""What a request will take, before it runs."""

from __future__ import annotations

from .value import Value


class ImagePlan(Value):
    """How one image will be cut, before anything runs.

    Attributes:
        width, height: of the image as it will be seen (EXIF orientation applied), in pixels.
        resized_width, resized_height: after resizing to whole tiles.
        rows, cols: of the tile grid; 0 and 0 when the image is one single tile.
        tiles: tiles to encode, the global one included.
        tokens: prompt tokens the image takes, row and column markers included.
        image_tokens: how many of them stand for image features.
    """

    width: int
    height: int
    resized_width: int
    resized_height: int
    rows: int
    cols: int
    tiles: int
    tokens: int
    image_tokens: int


class ExpectedSeconds(Value):
    """How long a request is expected to take, from what `smolvlm tune` measured on this machine.

    It runs alone, with nothing in a cache. Reading the image's file is not part of it.

    Attributes:
        vision, prefill, decode: of each stage.
        new_tokens: length of the reply that `decode` is for: a usual one, or `max_new_tokens` where
            that is less.
    """

    vision: float
    prefill: float
    decode: float
    new_tokens: int

    @property
    def total(self) -> float:
        return self.vision + self.prefill + self.decode


class RequestPlan(Value):
    """What a request will cost, before anything runs.

    Attributes:
        images: of each image.
        tiles, image_tokens, prompt_tokens: of the whole request.
        context_length: most tokens of prompt and reply together.
        model: id of the checkpoint.
        predicted_bytes: the peak of memory that is expected with a reply of 512 tokens; see
            `Usage`. None where no model is loaded.
        seconds: None where `smolvlm tune` has not measured this: another device than the CPU, or
            another shape of model, CPU, number of threads, precision or release of a runtime.
    """

    images: tuple[ImagePlan, ...]
    tiles: int
    image_tokens: int
    prompt_tokens: int
    context_length: int
    model: str
    predicted_bytes: int | None = None
    seconds: ExpectedSeconds | None = None
