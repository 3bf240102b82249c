"""A source found again by its name, as a worker on another machine does."""

from __future__ import annotations

import fsspec
import pytest

from smolvlm_tools import FetchFailed, ImageNotFound
from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.ingest.sources import find_sources, source_at

POLICY = ImagePolicy()


@pytest.fixture
def paths(tmp_path):
    """Names that mean something else to a glob, on this file system and on another."""
    memory = fsspec.filesystem("memory")
    for name in ("a.png", "b[1].png", "c*.png"):
        (tmp_path / name).write_bytes(name.encode())
        memory.pipe(f"/folder/{name}", name.encode())
    yield [tmp_path, "memory://folder", f"file://{tmp_path}"]
    memory.rm("/folder", recursive=True)


def test_names_lead_to_the_same_bytes(paths):
    found = list(find_sources(paths))
    assert len(found) == 9
    for source in found:
        again = source_at(source.name)
        assert again.name == source.name
        assert again.read(POLICY).data == source.read(POLICY).data
        assert again.stamp() == source.stamp() is not None


def test_what_is_gone_by_then_is_said_in_the_same_words(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a")
    for name in (str(tmp_path / "a.png"), f"file://{tmp_path}/a.png"):
        (source,) = find_sources([name])
        (tmp_path / "a.png").unlink(missing_ok=True)
        with pytest.raises(ImageNotFound) as here:
            source.read(POLICY)
        with pytest.raises(ImageNotFound) as there:
            source_at(source.name).read(POLICY)
        assert str(here.value) == str(there.value)


def test_a_file_system_that_is_not_there_is_an_error():
    with pytest.raises(FetchFailed, match="nosuch://a"):
        source_at("nosuch://a.png")


def test_sources_with_nothing_behind_them_say_so_at_once(tmp_path):
    for name in (f"{tmp_path}/*.tif", "memory://nowhere/*.png", "nosuch://a.png"):
        (source,) = find_sources([name])
        with pytest.raises(type(source.missing)) as raised:
            source.read(POLICY)
        assert raised.value is source.missing
