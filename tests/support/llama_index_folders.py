"""Folders as LlamaIndex reads them."""

from __future__ import annotations

from llama_index.core import SimpleDirectoryReader

RED_CIRCLE = "red circle"


def of_folder(folder, reader, **options):
    return SimpleDirectoryReader(
        folder, recursive=True, file_extractor=reader.file_extractor(), **options
    )
