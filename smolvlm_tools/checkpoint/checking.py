"""Checks a file before its use, in full or, if that was recorded, by its size and time."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelInvalid
from .digests import ALWAYS, digest_file
from .known_files import FileFacts, facts_of_blob
from .verified import Verified, VerifiedFiles


def check_file(
    path: Path, name: str, facts: FileFacts, record: VerifiedFiles, label: str
) -> Verified | None:
    """Check a file against what is known about it; what is to be recorded, if that is new.

    Without a digest in `facts`, that in the name of the cache's blob counts; without that too, the
    digest that was recorded at the first use. Files of at most `ALWAYS` bytes are read each time;
    larger ones if there is no entry in the record, or the file was changed since.

    Args:
        name: in the record.
        label: in messages.

    Raises:
        ModelInvalid: the size or a digest is another; from an OSError, if it cannot be read.
    """
    facts.check_size(path, label)
    if not facts.has_digest:
        facts = facts_of_blob(path)
    try:
        stat = path.stat()
        seen = record.get(name)
        unchanged = seen is not None and seen.fits(stat)
        if seen is not None and unchanged and stat.st_size > ALWAYS and _same(facts, seen):
            return None
        found = digest_file(path, sha1=facts.sha1 is not None)
    except OSError as error:
        raise ModelInvalid(
            f"{label} cannot be read ({error.strerror})", "Fetch the checkpoint again."
        ) from error
    facts.check_digests(found, label)
    if seen is not None and not facts.has_digest and found.sha256 != seen.sha256:
        raise ModelInvalid(
            f"{label} was changed since it was first used: its SHA-256 is {found.sha256} instead "
            f"of {seen.sha256}",
            "Delete the file and fetch the checkpoint again.",
        )
    known = facts.has_digest or (seen is not None and seen.known)
    entry = Verified(stat.st_size, stat.st_mtime_ns, found.sha256, known)
    return None if entry == seen else entry


def _same(facts: FileFacts, seen: Verified) -> bool:
    """Whether the recorded digest is the one that the file must have."""
    return seen.sha256 == facts.sha256 if facts.sha256 else seen.known or not facts.has_digest
