"""Names of files that are read, where a folder is searched for them."""

from __future__ import annotations

SUFFIXES = (
    *(".apng", ".bmp", ".gif", ".heic", ".heics", ".heif", ".heifs", ".hif", ".jfif", ".jpe"),
    *(".jpeg", ".jpg", ".pdf", ".png", ".tif", ".tiff", ".webp"),
)
"""In lower case. What a file is, its first bytes tell; a file that is named is always tried."""
