"""Folders of images and documents → records, durably: what is done once is never done again.

ledger    Ledger: finished work by a key, on disk; also a cache of results
"""

from __future__ import annotations

from .ledger import Ledger, digest_of, result_key

__all__ = ["Ledger", "digest_of", "result_key"]
