"""Gathers the site's pages in build/docs; the Markdown of the repository is their only source.

    python docs/site/stage.py

A page keeps its place under docs/; README.md is the front page, and PAGES says where the other
documents go. A link to a page of the site stays one; a link to any other file of the repository
leads to where it is published. The reference of the command line is what the commands say of
themselves.
"""

from __future__ import annotations

import html
import posixpath
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from smolvlm_mcp.command import command
from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from smolvlm_tools.cli.app import app
from smolvlm_tools.cli.plugins import app_of

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "docs"
PUBLISHED = "https://github.com/smolvlm-tools/smolvlm-tools/blob/main"
PAGES = {
    "README.md": "index.md",
    "integrations/langchain_smolvlm/README.md": "langchain.md",
    "integrations/llama_index/README.md": "llama-index.md",
    "examples/embedded_model/README.md": "embedded.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "CHANGELOG.md": "changelog.md",
}
"""What is no page under docs/, and where it stands on the site."""
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)([^)\s]*)(?=\))")
CODE = re.compile(r"(```.*?```)", re.DOTALL)


def main() -> None:
    """Fill build/docs anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    places = {f"docs/{p.relative_to(ROOT / 'docs')}": p for p in (ROOT / "docs").rglob("*.md")}
    sources = [*places, *PAGES]
    for source in sources:
        parts = CODE.split((ROOT / source).read_text())
        parts[::2] = [LINK.sub(partial(_target, source), part) for part in parts[::2]]
        _write(_place(source), "".join(parts))
    for picture in (ROOT / "docs").rglob("*.png"):
        target = OUT / picture.relative_to(ROOT / "docs")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, target)
    _write("reference/cli.md", _commands())


def _place(source: str) -> str:
    return PAGES.get(source) or source.removeprefix("docs/")


def _target(source: str, found: re.Match[str]) -> str:
    """Where a link of a document leads on the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
    if not (ROOT / path).exists():
        raise SystemExit(f"{source} links to {found[1]}, which does not exist")
    in_docs = path.startswith("docs/") and path.endswith((".md", ".png"))
    if not in_docs and path not in PAGES:
        return f"{PUBLISHED}/{path}{found[2]}"
    return posixpath.relpath(_place(path), posixpath.dirname(_place(source)) or ".") + found[2]


def _write(place: str, text: str) -> None:
    target = OUT / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _commands() -> str:
    """Every command with its arguments, options and example, as `--help` has them."""
    texts = [_documented(get_command(app), "smolvlm"), _documented(_mcp(), "smolvlm mcp")]
    own, mcp = [html.unescape(text) for text in texts]
    before, _, _ = own.partition("## `smolvlm mcp`")  # which is imported only when it is called
    return before + mcp.replace("# `smolvlm mcp`", "## `smolvlm mcp`", 1)


def _mcp() -> Any:
    return get_command(app_of(command, "mcp"))


def _documented(of: Any, name: str) -> str:
    return get_docs_for_click(obj=of, ctx=Context(of, info_name=name), name=name)


if __name__ == "__main__":
    main()
