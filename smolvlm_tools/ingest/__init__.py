"""Folders of images and documents → records, durably: what is done once is never done again.

    ingest      the whole of it, for one machine
    wish        what to find out about every page
    sources     files, folders, globs, URLs; known: what the ledger has of them
    pipeline    threads, and what they hand on; reading: its first half
    keeping     finished work into ledger and output
    page_work   one page → its findings
    second_reader  a check of its transcription; page_check: what a record keeps of it
    record      the form of a record
    units       a page's key in the ledger, and its records
    ledger      Ledger: finished work by a key, on disk; also a cache of results
    output      where records are written; parquet: the same in columns
    places      opens both, and locks them
    answers     requests answered from a ledger, else by an engine
    own_text    the text layer of a page in place of a transcription
    on_ray      the same on a Ray cluster

docs/ingest.md is the guide.
"""

from __future__ import annotations

from .answers import Answers, ImageRequest, Outcome
from .ingest import Reading, ingest
from .ledger import Ledger, digest_of, result_key
from .own_text import OwnText, TextFrom, read_own_text
from .page_check import PageCheck
from .parquet import read_parquet
from .record import Answer, Cost, Fault, Record
from .sources import Source, find_sources
from .summary import Summary
from .wish import Wish

__all__ = [
    "Answer",
    "Answers",
    "Cost",
    "Fault",
    "ImageRequest",
    "Ledger",
    "Outcome",
    "OwnText",
    "PageCheck",
    "Reading",
    "Record",
    "Source",
    "Summary",
    "TextFrom",
    "Wish",
    "digest_of",
    "find_sources",
    "ingest",
    "read_own_text",
    "read_parquet",
    "result_key",
]
