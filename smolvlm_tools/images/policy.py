"""What a caller may hand over, as one frozen value; knows limits, not how they are enforced."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ImagePolicy(BaseModel):
    """Limits on an image source. Unknown names are refused.

    Attributes:
        max_bytes: encoded bytes read from any source.
        max_pixels: width times height after decoding.
        max_frames: frames of an animation or pages of a TIFF; only the first is ever decoded.
        max_metadata_chunks: ancillary PNG chunks (text, profiles, times).
        allow_urls: whether http(s) URLs are fetched. Surfaces that serve agents turn it off.
        public_addresses_only: whether a URL may lead only to ports 80 and 443 of addresses on the
            public internet, at every redirect. Surfaces that fetch for agents turn it on: an agent
            must not reach what only this machine can.
        allowed_roots: folders that paths must lie in once symbolic links are followed; None
            allows every regular file.
        url_timeout: seconds for the whole fetch, redirects included.
        max_redirects: redirects followed for one URL.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=20_000_000, gt=0)
    max_pixels: int = Field(default=40_000_000, gt=0)
    max_frames: int = Field(default=1_000, gt=0)
    max_metadata_chunks: int = Field(default=1_000, ge=0)
    allow_urls: bool = True
    public_addresses_only: bool = False
    allowed_roots: tuple[Path, ...] | None = None
    url_timeout: float = Field(default=10.0, gt=0)
    max_redirects: int = Field(default=5, ge=0)
