"""Files in the hub's cache are read in full before their first use, and it is remembered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smolvlm_tools import ModelInvalid, open_checkpoint
from smolvlm_tools.checkpoint import checking
from tests.support.hub_server import COMMIT, HubRepository, HubServer

ID = "someone/tiny-smolvlm"
WEIGHTS = "model.safetensors"

KILLED_BEFORE_THE_DIGEST = """
import os, signal
from smolvlm_tools import open_checkpoint
from smolvlm_tools.checkpoint import hub

check_file = hub.check_file

def check(path, name, *rest):
    if name == "model.safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
    return check_file(path, name, *rest)

hub.check_file = check
open_checkpoint("someone/tiny-smolvlm").fetch(["model.safetensors"])
"""


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "models--someone--tiny-smolvlm" / "smolvlm-verified"


def fetch(name: str = WEIGHTS, *, offline: bool = False) -> Path:
    checkpoint = open_checkpoint(ID, local_files_only=offline)
    checkpoint.fetch([name])
    return checkpoint.folder / name


def damage(path: Path, *, keep_time: bool = False) -> None:
    """Flip a bit in the middle."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
@pytest.mark.parametrize("offline", [False, True])
def test_a_download_that_was_never_checked_is_checked_by_the_next_run(
    hub: HubServer, repository: HubRepository, offline: bool
) -> None:
    good = repository.files[WEIGHTS]
    repository.served[WEIGHTS] = good[:-1] + b"\x01"
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_DIGEST], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    before = hub.downloads.count(WEIGHTS)
    with pytest.raises(ModelInvalid, match="SHA-256"):
        fetch(offline=offline)
    assert hub.downloads.count(WEIGHTS) == before, "it was in the cache"
    repository.served.clear()
    if not offline:
        assert fetch().read_bytes() == good


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
@pytest.mark.parametrize("keep_time", [False, True])
def test_later_bit_rot_is_noticed_and_the_file_fetched_anew(
    hub: HubServer, repository: HubRepository, name: str, keep_time: bool
) -> None:
    path = fetch(name)
    damage(path, keep_time=keep_time)
    with pytest.raises(ModelInvalid) as caught:
        fetch(name, offline=True)
    assert path.is_file() and "Delete the file" in caught.value.remedy
    with pytest.raises(ModelInvalid, match="instead of") as caught:
        fetch(name)
    assert "try again" in caught.value.remedy and not path.exists()
    assert fetch(name).read_bytes() == repository.files[name]


def test_a_small_file_has_gits_digest(hub: HubServer, repository: HubRepository) -> None:
    repository.served["config.json"] = repository.files["config.json"].replace(b"32", b"64")
    with pytest.raises(ModelInvalid, match=r"config\.json has git's SHA-1"):
        open_checkpoint(ID)


def test_a_large_file_is_read_in_full_once(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    digest_file = checking.digest_file

    def counted(path: Path, **options: bool):
        read.append(path.name)
        return digest_file(path, **options)

    monkeypatch.setattr(checking, "digest_file", counted)
    monkeypatch.setattr(checking, "ALWAYS", 4096)
    for offline in (False, False, True):
        fetch(offline=offline)
    assert read.count(WEIGHTS) == 1 and read.count("config.json") == 3
    os.utime(fetch())
    fetch()
    assert read.count(WEIGHTS) == 2, "its time has changed"


def without_links(path: Path) -> Path:
    """A cache as others make it where there are no links: no name of a blob says the digest."""
    for each in path.parent.iterdir():
        if each.is_symlink():
            content = each.read_bytes()
            each.unlink()
            each.write_bytes(content)
    return path


def test_without_a_known_digest_the_first_use_counts(hub: HubServer, record: Path) -> None:
    path = without_links(fetch())
    shutil.rmtree(record)
    fetch(offline=True)
    entries = json.loads((record / f"{COMMIT}.json").read_text())["files"]
    assert entries[WEIGHTS]["size"] == path.stat().st_size and not entries[WEIGHTS]["known"]
    damage(path, keep_time=True)
    with pytest.raises(ModelInvalid, match="changed since it was first used"):
        fetch(offline=True)


def test_a_cache_that_cannot_be_written_to_works_and_says_so_once(
    hub: HubServer, record: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record.parent.mkdir(parents=True)
    record.write_text("in the way")
    path = fetch()
    fetch(offline=True)
    assert caplog.text.count("cannot be written") == 1
    damage(path)
    with pytest.raises(ModelInvalid):
        fetch(offline=True)


@pytest.mark.parametrize("content", ["", "[]", '{"version": 9, "files": {}}', "[" * 100_000])
def test_a_damaged_record_means_that_everything_is_read_again(
    hub: HubServer, record: Path, content: str
) -> None:
    fetch()
    (record / f"{COMMIT}.json").write_text(content)
    path = fetch(offline=True)
    assert WEIGHTS in (record / f"{COMMIT}.json").read_text()
    damage(path)
    with pytest.raises(ModelInvalid):
        fetch(offline=True)


def test_the_hubs_own_client_passes_the_record_over(hub: HubServer, tmp_path: Path) -> None:
    from huggingface_hub import scan_cache_dir

    fetch()
    found = scan_cache_dir(tmp_path / "cache")
    assert [repo.repo_id for repo in found.repos] == [ID] and not found.warnings
