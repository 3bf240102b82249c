"""RapidOCR: PP-OCR's detection and recognition on ONNX Runtime (the extra `ocr`).

Only the models within its wheel are used: RapidOCR would fetch others, so their paths are given and
must exist.
"""

from __future__ import annotations

import os
import threading
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat

from ...errors import BackendUnavailable, ModelInvalid
from ...types import Box, Word
from .line_ink import Area, Char, find_pieces
from .long_lines import parts_of
from .spelt import SpeltWord

_INSTALL = "Run `pip install 'smolvlm-tools[ocr]'`."
_ANEW = "Run `pip install --force-reinstall 'smolvlm-tools[ocr]'`."
_MODELS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
_LONGEST = 2000  # pixels; print of 6 points on a page of A4 has an x-height of 6 then
_BORDER = 24  # pixels of paper around the image, for print that touches its edge
_WIDEST = 8  # times as wide as high; a single line gets paper above and below
_SHORTEST = 736  # pixels; the detection enlarges what has a shorter side
_BASE_BYTES = 400_000_000
_BYTES_PER_PIXEL = 202  # of the picture that the detection reads
_LEAST = 0.5  # confidence: less is a texture, or a script that it cannot read


class _Frame(NamedTuple):
    """The image as RapidOCR gets it, and how its pixels lie in the original."""

    pixels: NDArray[np.uint8]
    scale: float
    left: int
    top: int


class RapidRecognizer:
    """See `Recognizer`.

    Raises:
        BackendUnavailable: RapidOCR, or one of the models in its wheel, is not there.
    """

    def __init__(self) -> None:
        paths = _model_paths()
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise BackendUnavailable(f"RapidOCR cannot be loaded ({error})", _ANEW) from error
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,  # whole pages are turned before, see `upright`
                "Det.limit_type": "min",
                "Det.limit_side_len": _SHORTEST,
                "Global.use_rec": False,  # line by line, see `_read_line`
                "Global.return_word_box": True,
                "Global.use_vertical_padding": False,
                "Rec.rec_batch_num": 1,  # more are padded to the longest: twice the memory, slower
                "EngineConfig.onnxruntime.intra_op_num_threads": _threads(),
                **{f"{part}.model_path": str(path) for part, path in paths.items()},
            }
        )
        self._lock = threading.Lock()
        self.name = f"rapidocr {version('rapidocr')}"

    @staticmethod
    def check_installed() -> None:
        """See that it can be loaded, without loading it; raises BackendUnavailable."""
        _model_paths()

    def working_bytes(self, size: tuple[int, int]) -> int:
        """See `Recognizer`; `tests.support.measured_ocr` prints what is taken."""
        _, (width, height), beside, above = _layout(size)
        sides = (width + 2 * beside, height + 2 * above)
        enlarged = max(1.0, _SHORTEST / min(sides))
        return _BASE_BYTES + round(_BYTES_PER_PIXEL * sides[0] * sides[1] * enlarged**2)

    def read(self, pixels: Image.Image) -> tuple[Word, ...]:
        """See `Recognizer`."""
        frame = _frame(pixels)
        operations = {"preprocess": {"ratio_h": 1.0, "ratio_w": 1.0}}
        with self._lock:  # its parts keep state
            detected, _, _, pictures = self._engine.run_ocr_steps(frame.pixels, operations)
            lines = [self._read_line(np.asarray(picture)) for picture in pictures]
        words: list[Word] = []
        number = 0
        for at, chars in enumerate(lines):
            if not chars:
                continue
            grey, corners = _grey(pictures[at]), np.asarray(detected.boxes[at])
            for piece in find_pieces(chars, grey):
                box, *letters = (
                    _box(area, grey.shape, corners, frame, pixels.size)
                    for area in (piece.area, *piece.letters)
                )
                words.append(
                    SpeltWord(
                        text=piece.text, box=box, confidence=piece.confidence, line=number,
                        letters=tuple(letters),
                    )
                )  # fmt: skip
            number += 1
        return tuple(words)

    def _read_line(self, picture: NDArray[np.uint8]) -> list[Char]:
        """The characters of a line; none where they are too uncertain."""
        parts = parts_of(_grey(picture))
        said = self._engine.recognize_txt(
            [np.ascontiguousarray(picture[:, part.start : part.end]) for part in parts]
        )
        chars: list[Char] = []
        for part, text, info in zip(parts, said.txts, said.word_results, strict=True):
            if not text.strip():
                continue
            if part.after_space and chars:
                chars.append(Char(" ", part.start, 1.0))
            for char in _chars(text, info, part.end - part.start):
                chars.append(char._replace(place=part.start + char.place))
        sure = sum(char.confidence for char in chars) / max(len(chars), 1)
        return chars if sure >= _LEAST else []


def _grey(picture: Any) -> NDArray[np.uint8]:
    return np.asarray(picture).mean(axis=2).astype(np.uint8)


def _threads() -> int:
    """Half of the CPUs: the model computes beside it, and threads that wait for each other spin."""
    return max(1, (os.cpu_count() or 1) // 2)


def _model_paths() -> dict[str, Path]:
    """The models in RapidOCR's wheel, found without loading it."""
    found = find_spec("rapidocr")
    if found is None or found.origin is None:
        raise BackendUnavailable("checking by OCR needs RapidOCR, which is not installed", _INSTALL)
    folder = Path(found.origin).parent / "models"
    paths = {part: folder / name for part, name in _MODELS.items()}
    if missing := [path.name for path in paths.values() if not path.is_file()]:
        raise BackendUnavailable(f"RapidOCR's wheel lacks {' and '.join(missing)}", _ANEW)
    return paths


def _frame(pixels: Image.Image) -> _Frame:
    """Shrink a large image, and put paper around it."""
    scale, size, beside, above = _layout(pixels.size)
    small = pixels.convert("RGB")
    if size != pixels.size:
        small = small.resize(size, Image.Resampling.LANCZOS)
    paper = tuple(int(level) for level in ImageStat.Stat(small).median)
    framed = ImageOps.expand(small, (beside, above, beside, above), paper)
    blue_first = np.ascontiguousarray(np.asarray(framed)[:, :, ::-1])
    return _Frame(blue_first, scale, beside, above)


def _layout(size: tuple[int, int]) -> tuple[float, tuple[int, int], int, int]:
    """Scale of an image, its size then, and the paper on either side and above and below it."""
    scale = min(1.0, _LONGEST / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    above = max(_BORDER, (width // _WIDEST - height + 1) // 2)
    beside = max(_BORDER, (height // _WIDEST - width + 1) // 2)
    return scale, (width, height), beside, above


def _chars(text: str, info: Any, width: int) -> list[Char]:
    """The characters of a line, each at the column of the network where it was seen.

    Args:
        info: RapidOCR's `WordInfo`: columns of the characters that are not spaces; confidences of
            all; how many columns the line fills.
    """
    columns = [column for word in info.word_cols for column in word]
    if len(columns) != sum(not char.isspace() for char in text) or len(info.confs) != len(text):
        raise ModelInvalid(
            "RapidOCR tells other characters than it read", "Update smolvlm-tools and rapidocr."
        )
    places, rest = [(column + 0.5) * width / info.line_txt_len for column in columns], 0
    chars: list[Char] = []
    for char, confidence in zip(text, info.confs, strict=True):
        chars.append(Char(char, places[min(rest, len(places) - 1)], float(confidence)))
        rest += not char.isspace()
    return chars


def _box(
    area: Area,
    shape: tuple[int, ...],
    corners: NDArray[Any],
    frame: _Frame,
    size: tuple[int, int],
) -> Box:
    """The box of an area of a line in the original image.

    Args:
        shape: (height, width) of the line's picture; RapidOCR turns one that runs downwards.
        corners: (4, 2): where the line is, clockwise from its top left.
        size: (width, height) of the original.
    """
    height, width = shape[:2]
    across = max(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[2] - corners[3]))
    down = max(np.linalg.norm(corners[0] - corners[3]), np.linalg.norm(corners[1] - corners[2]))
    is_turned = int(down) / max(int(across), 1) >= 1.5
    points: list[NDArray[Any]] = []
    for x, y in ((area.left, area.top), (area.right, area.top), (area.right, area.bottom),
                 (area.left, area.bottom)):  # fmt: skip
        right, lower = x / width, y / height
        if is_turned:
            right, lower = 1 - lower, right
        top = (1 - right) * corners[0] + right * corners[1]
        bottom = (1 - right) * corners[3] + right * corners[2]
        points.append((1 - lower) * top + lower * bottom)
    found = (np.array(points) - (frame.left, frame.top)) / frame.scale
    (left, top), (right, bottom) = found.min(axis=0), found.max(axis=0)
    return Box(
        left=round(min(max(float(left), 0.0), size[0]), 1),
        top=round(min(max(float(top), 0.0), size[1]), 1),
        right=round(min(max(float(right), 0.0), size[0]), 1),
        bottom=round(min(max(float(bottom), 0.0), size[1]), 1),
    )
