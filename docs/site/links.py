"""Says which links of the built site lead nowhere, anchors included.

    python docs/site/links.py build/site

Addresses of other sites are not looked at: they would make a build fail for their reasons.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and what of it can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids, and where links, pictures, styles and scripts come from."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


@cache
def read(path: Path) -> Page:
    """A page of the site, parsed."""
    page = Page()
    page.feed(path.read_text())
    return page


def broken_links(site: Path) -> list[str]:
    """One line for each link that leads nowhere."""
    found: list[str] = []
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":
            continue  # its links are from the root of a server
        for link in read(path).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                found.append(f"{path.relative_to(site)}: {link}: no such file")
            elif parts.fragment and target.suffix == ".html":
                if unquote(parts.fragment) not in read(target).anchors:
                    found.append(f"{path.relative_to(site)}: {link}: no such place on the page")
    return found


def main() -> None:
    """Print them; exit code 1 if there are any."""
    found = broken_links(Path(sys.argv[1]))
    print("\n".join(found) or "all links lead somewhere")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
