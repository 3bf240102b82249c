"""Tesseract, the program: `tesseract` has to be on the PATH with the data of English."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from typing import Any

from PIL import Image

from ...errors import BackendUnavailable, ModelInvalid
from ...types import Box, Word

_SECONDS = 120
_COLUMNS = ("block_num", "par_num", "line_num")
_LEAST = 0.3  # confidence: less is a texture


class TesseractRecognizer:
    """See `Recognizer`.

    Raises:
        BackendUnavailable: the program is not installed.
    """

    def __init__(self) -> None:
        self._program = _find_program()
        first = self._run(["-v"], None).splitlines()[0]
        self.name = first.strip()[:60]

    @staticmethod
    def check_installed() -> None:
        """See that the program is there, without starting it; raises BackendUnavailable."""
        _find_program()

    def working_bytes(self, size: tuple[int, int]) -> int:
        """See `Recognizer`: the program is a process of its own."""
        return 0

    def read(self, pixels: Image.Image) -> tuple[Word, ...]:
        """See `Recognizer`."""
        file = io.BytesIO()
        pixels.save(file, "PNG", compress_level=1)
        table = self._run(["stdin", "stdout", "-l", "eng", "tsv"], file.getvalue())
        return words_of(table)

    def _run(self, arguments: list[str], data: bytes | None) -> str:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=data,
                capture_output=True,
                timeout=_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode("utf-8", "replace").strip()[:200]
            raise ModelInvalid(
                f"tesseract failed ({said or error.returncode})", "Try it by hand on this image."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ModelInvalid(
                f"tesseract took longer than {_SECONDS} s", "Send a smaller image."
            ) from error
        except OSError as error:
            raise BackendUnavailable(
                f"tesseract cannot be started ({error.strerror})", "Install tesseract-ocr anew."
            ) from error
        return done.stdout.decode("utf-8", "replace")


def _find_program() -> str:
    program = shutil.which("tesseract")
    if program is None:
        raise BackendUnavailable(
            "the program tesseract is not on the PATH",
            'Install tesseract-ocr. Or use `check="ocr"`.',
        )
    return program


def words_of(table: str) -> tuple[Word, ...]:
    """The words of tesseract's table of tab-separated values.

    Raises:
        ModelInvalid: it is none.
    """
    words: list[Word] = []
    lines: dict[tuple[str, ...], int] = {}
    try:
        for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
            text, confidence = row["text"].strip(), float(row["conf"]) / 100
            if not text or confidence < _LEAST:
                continue
            line = lines.setdefault(tuple(row[name] for name in _COLUMNS), len(lines))
            words.append(Word(text=text, box=_box(row), confidence=confidence, line=line))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelInvalid(
            f"tesseract's table cannot be read ({error})", "Update tesseract to release 5."
        ) from error
    return tuple(words)


def _box(row: dict[str, Any]) -> Box:
    left, top = int(row["left"]), int(row["top"])
    return Box(left=left, top=top, right=left + int(row["width"]), bottom=top + int(row["height"]))
