"""All cases by name, the surfaces, and which of the two go together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from . import (
    arguments,
    documents,
    encodings,
    images_costly,
    images_damaged,
    images_odd,
    paths,
    pdf_bombs,
    prompts,
    urls,
)
from .arguments import RPC
from .case import ANY, Case, Kind

_FILES: frozenset[Kind] = frozenset({"image", "document"})
_NAMED: frozenset[Kind] = _FILES | {"path", "uri", "base64", "prompt"}


@dataclass(frozen=True)
class Surface:
    """A way into the package.

    Attributes:
        kinds: of cases that can be sent.
        is_trusted: whether a person names the sources, so that those are not what is hostile.
    """

    name: str
    kinds: frozenset[Kind]
    is_trusted: bool = False

    def takes(self, case: Case) -> bool:
        if case.surfaces is not None:
            return self.name in case.surfaces and case.kind in self.kinds
        if self.name == "ingest" and case.kind == "path":
            return False
        return case.kind in self.kinds

    def allowed(self, case: Case) -> frozenset[str]:
        """What may come back."""
        if self.is_trusted and case.kind not in _FILES:
            return case.trusted or ANY
        # JSON that holds half a character is no JSON to a server, so no tool ever sees it.
        return case.allowed | RPC if "line" in self.kinds else case.allowed


SURFACES = {
    each.name: each
    for each in (
        Surface("python", _NAMED | {"url", "arguments"}),
        Surface("python-trusted", _NAMED, is_trusted=True),
        Surface("python-decode", _FILES),
        Surface("python-urls", frozenset({"url"})),
        Surface("cli", _NAMED, is_trusted=True),
        Surface("langchain", _NAMED | {"url", "blocks"}),
        Surface("llama-index", _NAMED | {"url"}),
        Surface("llama-reader", _FILES | {"path"}, is_trusted=True),
        Surface("mcp-stdio", _NAMED | {"url", "arguments", "line"}),
        Surface("mcp-http", _NAMED | {"url", "arguments", "line"}),
        Surface("ingest", _FILES | {"prompt"}, is_trusted=True),
    )
}


@cache
def catalogue() -> dict[str, Case]:
    """Cases by name, without the bombs of documents, which have limits of their own."""
    found: dict[str, Case] = {}
    for module in (
        *(images_damaged, images_costly, images_odd, documents, encodings, paths, urls, prompts),
        arguments,
    ):
        for case in module.cases():
            assert case.name not in found, f"two cases are called {case.name!r}"
            found[case.name] = case
    return found


@cache
def bombs() -> dict[str, Case]:
    """Documents that are allowed 20 seconds and 1 GB of a child process."""
    return {case.name: case for case in pdf_bombs.cases()}
