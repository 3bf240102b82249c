"""WebP files, read with less memory than Pillow's own reader takes."""

from __future__ import annotations

from typing import Any

from PIL.WebPImagePlugin import WebPImageFile


class LeanWebp(WebPImageFile):
    """Lets go of libwebp's two canvases once the only frame is there."""

    def _get_next(self) -> tuple[bytes, int, int]:
        found = super()._get_next()
        if self.n_frames == 1:
            self._decoder: Any = None
        return found
