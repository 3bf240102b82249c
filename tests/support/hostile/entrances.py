"""Where bytes come in, each as one function to be fuzzed, with sound inputs to start from."""

from __future__ import annotations

import base64
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.images import ImagePolicy, load_image
from tests.support.broken_images import png
from tests.support.documents import document, encrypted
from tests.support.tiny_files import tiny_safetensors

from . import documents, formats
from .images_odd import turned, with_exif

_POLICY = ImagePolicy(max_pixels=4_000_000, max_bytes=2_000_000, allow_urls=False)


@dataclass(frozen=True)
class Entrance:
    """A place where bytes come in.

    Attributes:
        enter: takes them; raises nothing but `SmolVLMError`.
        seeds: sound inputs.
    """

    enter: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]


def enter(name: str, data: bytes) -> bool:
    """Whether an entrance takes these bytes; a typed error is the other right answer."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ENTRANCES[name].enter(data)
    except SmolVLMError as error:
        assert error.reason and "\n" not in str(error)
        return False
    return True


def _image(data: bytes) -> None:
    load_image(data, _POLICY)


def _pdf(data: bytes) -> None:
    from smolvlm_tools.pages import open_pages

    with open_pages(data, _POLICY.model_copy(update={"isolate": True})) as pages:
        pages.encoded(1)


def _data_uri(data: bytes) -> None:
    text = data.decode("latin-1")
    load_image(text if text.startswith("data:") else f"data:{text}", _POLICY)


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _safetensors(data: bytes) -> None:
    from smolvlm_tools.checkpoint.safetensors import tensor_places

    path = _scratch() / "model.safetensors"
    path.write_bytes(data)
    tensor_places([path])


def _json(data: bytes) -> None:
    """A tool's arguments; their schema, where there is one, is compiled."""
    from smolvlm_tools.constraints.answers import parse_answer
    from smolvlm_tools.tools.arguments import check_arguments
    from smolvlm_tools.tools.registry import find_tool

    checked = check_arguments(find_tool("extract_fields"), data.decode("utf-8", "replace"))
    parse_answer(checked.model_dump(by_alias=True)["schema"])


def _seeds(*names: str) -> Callable[[], Sequence[bytes]]:
    return lambda: [formats.sound(name) for name in names if name in formats.NAMES]


def _calls() -> list[bytes]:
    fields = {
        "type": "object",
        "properties": {
            "color": {"enum": ["red", "blue"]},
            "count": {"type": "integer", "minimum": 0},
            "names": {"type": "array", "items": {"type": "string", "pattern": "[a-z]+"}},
        },
        "required": ["color"],
    }
    references = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "number"}]}}}
    return [
        json.dumps({"image": "a.png", "schema": each}).encode() for each in (fields, references)
    ]


def _uris() -> list[bytes]:
    encoded = base64.b64encode(png(8, 8))
    return [b"data:image/png;base64," + encoded, b"data:image/png,%89PNG%0d%0a%1a%0a", b"data:,"]


ENTRANCES: dict[str, Entrance] = {
    "png": Entrance(
        _image, lambda: [*_seeds("PNG", "palette PNG", "16-bit PNG", "APNG")(), with_exif(b"II*\0")]
    ),
    "jpeg": Entrance(
        _image, lambda: [*_seeds("JPEG", "progressive JPEG", "CMYK JPEG", "MPO")(), turned(6)]
    ),
    "gif": Entrance(_image, _seeds("GIF", "animated GIF")),
    "tiff": Entrance(_image, _seeds("LZW TIFF", "deflate TIFF", "JPEG TIFF", "multi-page TIFF")),
    "webp": Entrance(_image, _seeds("WEBP", "lossless WEBP", "animated WEBP")),
    "bmp": Entrance(_image, _seeds("BMP", "palette BMP")),
    "heic": Entrance(_image, _seeds("HEIC")),
    "pdf": Entrance(
        _pdf, lambda: [documents.sound_pdf(), document(3), encrypted(b""), encrypted(b"secret")]
    ),
    "datauri": Entrance(_data_uri, _uris),
    "safetensors": Entrance(_safetensors, lambda: [tiny_safetensors()]),
    "json": Entrance(_json, _calls),
}
