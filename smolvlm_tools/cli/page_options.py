"""Which pages of documents and frames of videos a command is about, and what opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..pages import PageSelection


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Which pages of every IMAGE that is a document, and frames of every one that is a video."""

    pages: Annotated[
        str | None,
        typer.Option(
            metavar="PAGES",
            help="Pages of every IMAGE that is a document: 1-3,7 or 2- (to the end).  "
            r"\[default: all]",
        ),
    ] = None
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMES",
            help="Frames of every IMAGE that is a video or animation: at most N, a rate such as "
            r"2fps, or scenes.  \[default: 1fps, at most 64]",
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Where in the video to begin: 0:10, or seconds."),
    ] = None
    end: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Where in the video to end: 1:00, or seconds."),
    ] = None
    password: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="SMOLVLM_PDF_PASSWORD",
            help="Opens encrypted PDF documents. Others on this machine can read a command line, "
            "but not the environment variable.",
        ),
    ] = None

    @property
    def of_video(self) -> dict[str, Any]:
        """The options of a request about a video, as far as they are given.

        Raises:
            BadOptions: they choose no frames.
        """
        from ..pages.video import parse_frames

        parse_frames(self.frames, self.start, self.end)
        given = {"frames": self.frames, "start": self.start, "end": self.end}
        return {name: value for name, value in given.items() if value is not None}

    def selection(self) -> PageSelection | None:
        """What `pages` means; None for all.

        Raises:
            BadOptions: it is no selection.
        """
        from ..pages import parse_pages

        return parse_pages(self.pages)
