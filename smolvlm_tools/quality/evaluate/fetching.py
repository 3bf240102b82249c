"""Gets the data of a benchmark: VLMEvalKit's table, or the hub's parquet files.

Nothing that is fetched is run: no scripts of data sets, no pickles. What has been fetched is
checked: a table by VLMEvalKit's MD5, a file of the hub by the digest that the hub states.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from platformdirs import user_cache_path

from ...checkpoint.digests import digest_file
from ...checkpoint.known_files import FileFacts, facts_of_blob
from ...errors import FetchFailed, ModelInvalid, StoreFull
from .tasks import Benchmark, HubData
from .tsv import md5_of

if TYPE_CHECKING:
    import httpx2

TABLES = "https://opencompass.openxlab.space/utils/VLMEval"
ENDPOINT = "SMOLVLM_TABLES"
"""Environment variable with the URL of a mirror of the tables."""

Report: TypeAlias = Callable[[int, int | None], None]
"""Told how many bytes there are, and of how many in all."""

_TIMEOUT = 60.0
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.parquet$")


def folder() -> Path:
    """Where tables are kept for this user."""
    return user_cache_path("smolvlm-tools", appauthor=False) / "evaluate"


def fetch_table(task: Benchmark, offline: bool, report: Report) -> Path:
    """The table of a benchmark; a download that was broken off goes on.

    Raises:
        FetchFailed: it cannot be had, or is not the published one.
        StoreFull: the disk is full.
    """
    path = folder() / f"{task.title}.tsv"
    if path.is_file():
        if md5_of(path) == task.md5:
            return path
        path.unlink()
    url = f"{os.environ.get(ENDPOINT, TABLES).rstrip('/')}/{path.name}"
    if offline:
        raise FetchFailed(
            f"{path.name} is not on this machine, and downloads are switched off",
            f"Fetch {url}, and name it as the data. Or leave out `local_files_only`.",
        )
    part = path.with_suffix(".part")
    _download(url, part, report)
    found = md5_of(part)
    if found != task.md5:
        part.unlink()
        raise FetchFailed(
            f"{url} has the MD5 {found} instead of {task.md5}",
            "Try again; it was removed. A newer edition can be named as the data.",
        )
    os.replace(part, path)
    return path


def _download(url: str, part: Path, report: Report) -> None:
    import httpx2

    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            have = file.tell()
            headers = {"Range": f"bytes={have}-"} if have else {}
            with httpx2.stream(
                "GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True
            ) as answer:
                if answer.status_code == 416:  # all of it is there
                    return
                if answer.status_code not in (200, 206):
                    raise FetchFailed(
                        f"{url} answered with status {answer.status_code}",
                        "Try again later, or name a file that you have as the data.",
                    )
                if answer.status_code == 200:
                    file.seek(0)
                    file.truncate()
                _write(answer, file, report)
    except httpx2.HTTPError as error:
        raise FetchFailed(
            f"{url} cannot be fetched ({error or type(error).__name__})",
            "Check the network, or name a file that you have as the data.",
        ) from error
    except OSError as error:
        raise StoreFull(
            f"{str(part)!r} cannot be written ({error.strerror})",
            "Make room and run it again: it goes on.",
        ) from error


def _write(answer: httpx2.Response, file: BinaryIO, report: Report) -> None:
    have = file.seek(0, os.SEEK_END)
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length else None
    for piece in answer.iter_bytes():
        have += file.write(piece)
        report(have, total)


def fetch_from_hub(data: HubData, offline: bool, report: Report) -> list[Path]:
    """The parquet files of a data set, in the hub's cache.

    Raises:
        FetchFailed: they cannot be had, or one is not what the hub says it is.
    """
    from huggingface_hub import HfApi

    from ...checkpoint.hub_cache import hub_settings
    from ...checkpoint.hub_errors import HUB_ERRORS, model_error

    settings = hub_settings(offline)
    hub: Any = HfApi(endpoint=settings.endpoint, library_name="smolvlm-tools")
    if settings.offline:
        return _cached(data, settings.cache)
    paths: list[Path] = []
    try:
        info = hub.dataset_info(data.id, files_metadata=True)
        files = [each for each in info.siblings or () if fnmatchcase(each.rfilename, data.files)]
        for number, file in enumerate(sorted(files, key=lambda each: each.rfilename)):
            report(number, len(files))
            name, commit = file.rfilename, info.sha
            got: str = hub.hf_hub_download(
                data.id, name, repo_type="dataset", revision=commit, cache_dir=settings.cache
            )
            paths.append(Path(got))
            facts = FileFacts(sha256=file.lfs.sha256) if file.lfs else FileFacts(sha1=file.blob_id)
            _check(data.id, facts, paths[-1])
    except HUB_ERRORS as error:
        reason = model_error(error, data.id, None).reason.replace("no model", "no data set")
        raise FetchFailed(
            reason, "Check the network, or name files that you have as the data."
        ) from error
    if not paths:
        raise FetchFailed(
            f"{data.id} has no {data.files}", "It may have been arranged anew: name its files."
        )
    check_whole(paths)
    return paths


def check_whole(paths: Sequence[Path]) -> None:
    """Refuse a part of the files that a data set was split into: "test-00000-of-00003.parquet".

    Raises:
        FetchFailed: some are missing.
    """
    parts = {found[1]: int(found[2]) for path in paths if (found := _PART.search(path.name))}
    if parts and len(parts) != max(parts.values()):
        raise FetchFailed(
            f"{paths[0].parent} has {len(parts)} of {max(parts.values())} files of the data",
            "Fetch the others too.",
        )


def _check(name: str, facts: FileFacts, path: Path) -> None:
    """Compare a file with its digest: SHA-256 of large ones, git's SHA-1 of others."""
    try:
        facts.check_digests(digest_file(path, sha1=facts.sha1 is not None), f"{name}: {path.name}")
    except ModelInvalid as error:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise FetchFailed(error.reason, "It was removed from the cache: try again.") from error


def _cached(data: HubData, cache: Path) -> list[Path]:
    """What an earlier run has fetched, of the newest commit that has it."""
    place = cache / f"datasets--{data.id.replace('/', '--')}" / "snapshots"
    commits = sorted(place.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for commit in commits:
        if found := sorted(commit.glob(data.files)):
            check_whole(found)
            for path in found:
                _check(data.id, facts_of_blob(path), path)
            return found
    raise FetchFailed(
        f"{data.id} is not on this machine, and downloads are switched off",
        f"Run `hf download --repo-type dataset {data.id}` with a network. Or leave out "
        "`local_files_only`.",
    )
