"""A folder of images with captions: `cat.txt` beside `cat.png`."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import BadSamples
from ...pages.suffixes import SUFFIXES
from .rows import Row

METADATA = ("metadata.jsonl", "metadata.csv")
"""As Hugging Face's imagefolder names the file of a folder's captions."""

_SUFFIXES = tuple(suffix for suffix in SUFFIXES if suffix != ".pdf")


class CaptionedImages:
    """Images below a folder, in the order of their names, with the text file beside each.

    Hidden files and folders are left out.

    Raises:
        BadSamples: there is no image with a text file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images = list(_images(folder))
        if not any((folder / image).with_suffix(".txt").exists() for image in self._images):
            raise BadSamples(
                f"the folder {str(folder)!r} has {len(self._images)} images, none with a caption",
                "Put cat.txt beside cat.png, or a metadata.csv or metadata.jsonl with the columns "
                "file_name and text; or name the data file instead of its folder.",
            )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Row:
        image = self._images[index]
        text = (self._folder / image).with_suffix(".txt")
        try:
            return {"image": image, "text": text.read_text(encoding="utf-8-sig").strip()}
        except FileNotFoundError:
            raise BadSamples(f"no {text.name} beside it", "Write its caption there.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadSamples(f"{text.name} cannot be read ({error})", "Save as UTF-8.") from None

    def place(self, index: int) -> str:
        return self._images[index]


def _images(folder: Path) -> list[str]:
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                found.append(os.path.relpath(os.path.join(place, name), folder))
    return found
