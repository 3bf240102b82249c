"""Names of files that `SmolVLMImageReader` takes, as `SimpleDirectoryReader` writes suffixes."""

from __future__ import annotations

from smolvlm_tools.pages import SUFFIXES

IMAGE_SUFFIXES = SUFFIXES
"""Those that it reads. HEIF files (".heic", …) need the extra `heic`; without it they raise."""

NOT_READ = (
    *(".ai", ".arw", ".avif", ".avifs", ".cr2", ".cr3", ".cur", ".dds", ".djv", ".djvu", ".dng"),
    *(".eps", ".exr", ".hdr", ".icns", ".ico", ".j2k", ".jp2", ".jpf", ".jpx", ".jxl", ".nef"),
    *(".orf", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".psb", ".psd", ".raf", ".rw2", ".tga"),
    *(".xcf", ".xps"),
)
"""Those of images and documents that it refuses, unless the first bytes are of one that it reads.
Left to `SimpleDirectoryReader`, their bytes would be indexed as text."""
