"""Where a file is, and what its documents have in common."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from fsspec import AbstractFileSystem
from llama_index.core.schema import MediaResource

from smolvlm_tools import url_scheme
from smolvlm_tools.errors import FetchFailed, ImageNotFound, PathNotAllowed
from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.pages import Page

from . import held_images

File: TypeAlias = str | os.PathLike[str]
FileSystem: TypeAlias = AbstractFileSystem | None
Extra: TypeAlias = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and what its documents will have in common."""

    file: File
    fs: FileSystem
    extra_info: Extra = field(repr=False)

    @property
    def path(self) -> str:
        return os.fspath(self.file)

    def image(self, page: Page) -> MediaResource:
        """The path of a local file that is the image itself, else the image's data."""
        local = self.fs is None and not url_scheme(self.path)
        if local and page.total == 1 and not self.path.lower().endswith(".pdf"):
            return MediaResource(path=Path(self.path), mimetype=page.mime)
        return held_images.resource(page.data, page.mime)


def read_from(fs: AbstractFileSystem, path: str, policy: ImagePolicy) -> bytes:
    """A file's bytes, one more than allowed at most."""
    try:
        with cast("Any", fs).open(path, "rb") as file:
            return file.read(policy.max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageNotFound(f"there is no {path!r}", "Check the path.") from error
    except PermissionError as error:
        raise PathNotAllowed(f"{path!r} may not be read", "Check the permissions.") from error
    except OSError as error:
        raise FetchFailed(f"{path!r} could not be read ({error})", "Try again.") from error
