"""Which pages of documents a command is about, and what opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..pages import PageSelection


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Which pages of every IMAGE that is a document."""

    pages: Annotated[
        str | None,
        typer.Option(
            metavar="PAGES",
            help="Pages of every IMAGE that is a document: 1-3,7 or 2- (to the end).  "
            r"\[default: all]",
        ),
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

    def selection(self) -> PageSelection | None:
        """What `pages` means; None for all.

        Raises:
            BadOptions: it is no selection.
        """
        from ..pages import parse_pages

        return parse_pages(self.pages)
