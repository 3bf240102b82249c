"""The limits on what a caller may pass as an image, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field

from ..errors import BadOptions, ImageTooLarge
from ..types.checked import Checked

PolicyName: TypeAlias = Literal["trusted", "agent", "public"]

LARGE_FILE = 200_000_000
"""Bytes of a file that a person names on their own machine: a book of scans is as large."""


_OF_SOURCES = {"isolate", "allow_urls", "public_addresses_only", "allowed_roots"}
"""Fields that do not matter to who has the bytes already."""


class ImagePolicy(Checked):
    """Limits on an image source. Unknown names and impossible values are `BadOptions`.

    Three are made for three kinds of callers; docs/security.md has them in one table. Whatever
    takes a policy takes their names, too:

        "trusted"   ImagePolicy()           a person's own script names the images: files and URLs
                                            of any kind
        "agent"     ImagePolicy.agent()     an agent names them: files below the working directory,
                                            public URLs
        "public"    ImagePolicy.public()    anybody sends them: nothing is read but what is sent

    Attributes:
        max_bytes: encoded bytes read from any source.
        max_pixels: width times height after decoding.
        max_frames: frames of an animation or pages of a TIFF; only the first is ever decoded.
        max_metadata_chunks: ancillary PNG chunks (text, profiles, times).
        allow_urls: whether http(s) URLs are fetched. Turn it off where agents name the URLs.
        public_addresses_only: whether URLs and their redirects may lead only to ports 80 and 443
            of addresses on the public internet. Turn it on where URLs are fetched for agents, who
            must not reach what only this machine can.
        allowed_roots: folders that paths must lie in once symbolic links are followed; None
            allows every regular file.
        isolate: whether images and documents are decoded in a child process with limits on time
            and memory, so that a hostile one harms nobody else. Turn it on where strangers send
            them.
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
    isolate: bool = False
    url_timeout: float = Field(default=10.0, gt=0)
    max_redirects: int = Field(default=5, ge=0)

    @classmethod
    def agent(
        cls, roots: Iterable[str | Path] | None = None, *, allow_urls: bool = True
    ) -> ImagePolicy:
        """For images that an agent names, or that come with the messages it is given.

        Args:
            roots: folders that paths must lie in; None for the working directory, () for no folder.
            allow_urls: fetch http(s) URLs, from public addresses only.
        """
        folders = (Path.cwd(),) if roots is None else tuple(Path(root) for root in roots)
        return cls(
            allow_urls=allow_urls,
            public_addresses_only=True,
            allowed_roots=folders,
            isolate=True,
        )

    @classmethod
    def public(cls) -> ImagePolicy:
        """For images that anybody may send: data URIs, base64 text and bytes."""
        return cls.agent((), allow_urls=False)

    @classmethod
    def named(cls, policy: object, default: ImagePolicy | PolicyName | None = None) -> ImagePolicy:
        """The policy of that `PolicyName`, or the one that is given; for None the default.

        Raises:
            BadOptions: it is neither.
        """
        policy = default if policy is None else policy
        if isinstance(policy, ImagePolicy):
            return policy
        make = _NAMED.get(policy) if isinstance(policy, str) else None
        if make is None:
            raise BadOptions(
                f"`policy={repr(policy)[:60]}` is no policy",
                f"Use one of {', '.join(_NAMED)}, or an `ImagePolicy`.",
            )
        return make()

    def for_bytes(self) -> dict[str, Any]:
        """The limits that still matter once the bytes are there, by their names."""
        return self.model_dump(mode="json", include=set(type(self).model_fields) - _OF_SOURCES)

    def too_many_bytes(self, what: str) -> ImageTooLarge:
        """The error for a source over `max_bytes`, of which `what` says how that was found."""
        return ImageTooLarge(
            f"{what}; the limit is {self.max_bytes:,} bytes",
            "Send a smaller file. Or raise `ImagePolicy.max_bytes`.",
        )


_NAMED: Mapping[str, Callable[[], ImagePolicy]] = {
    "trusted": ImagePolicy,
    "agent": ImagePolicy.agent,
    "public": ImagePolicy.public,
}


def _check_name(policy: Any) -> Any:
    if isinstance(policy, str):
        ImagePolicy.named(policy)
    return policy


PolicyLike: TypeAlias = Annotated[ImagePolicy | PolicyName, BeforeValidator(_check_name)]
"""What callers may give as a policy. As the type of a field of a pydantic model, it raises
`BadOptions` for a name that there is not, and stays a name, so that the working directory of
"agent" is the one at the time of use."""
