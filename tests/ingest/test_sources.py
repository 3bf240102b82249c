"""What people name, and the sources that it means."""

from __future__ import annotations

import os
import threading
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from smolvlm_tools import ImagePolicy, errors
from smolvlm_tools.ingest import find_sources
from tests.support.documents import png

POLICY = ImagePolicy()


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.PNG", "deep/c.pdf", "deep/er/d.tif", ".hidden.png", ".git/e.png"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png())
    (tmp_path / "scans" / "notes.txt").write_text("not read")
    return tmp_path / "scans"


def names(*paths, **options):
    return [source.name for source in find_sources(paths, **options)]


def below(folder, *paths):
    return [os.path.relpath(name, folder) for name in names(*paths)]


def test_folders_are_searched_for_files_that_are_read_hidden_ones_left_out(folder):
    assert below(folder, folder) == ["a.PNG", "b.png", "deep/c.pdf", "deep/er/d.tif"]


def test_each_file_is_one_source_however_often_it_is_named(folder):
    assert len(names(folder, folder / "b.png", f"{folder}/*.png", folder)) == 4


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["b.png"]),
        ("?.*", ["a.PNG", "b.png"]),
        ("**/*.pdf", ["deep/c.pdf"]),
        ("**/er/**/*.tif", ["deep/er/d.tif"]),
        ("**", ["a.PNG", "b.png", "deep/c.pdf", "deep/er/d.tif", "notes.txt"]),
        ("d*", ["deep/c.pdf", "deep/er/d.tif"]),
        ("**.png", ["b.png"]),
        (".*.png", [".hidden.png"]),
    ],
)
def test_patterns(folder, pattern, found, monkeypatch):
    assert sorted(below(folder, f"{folder}/{pattern}")) == found
    monkeypatch.chdir(folder)
    assert sorted(names(pattern)) == found


def test_a_file_whose_name_has_the_signs_of_a_pattern_is_that_file(tmp_path):
    (tmp_path / "page[1].png").write_bytes(png())
    assert names(tmp_path / "page[1].png") == [f"{tmp_path}/page[1].png"]


def test_links_that_lead_in_a_circle_are_not_followed(folder):
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "deep" / "again").symlink_to(folder)
    (folder / "link.png").symlink_to(folder / "b.png")
    (folder / "self.png").symlink_to("self.png")
    assert len(names(folder)) == 6
    assert len(names(f"{folder}/**/*.png")) == 3
    loop = next(iter(find_sources([folder / "self.png"])))
    with pytest.raises(errors.InputError, match=r"self\.png"):
        loop.read(POLICY)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("missing.png", errors.ImageNotFound),
        ("none-*.png", errors.ImageNotFound),
        ("", errors.InputError),
        ("nul\0.png", errors.InputError),
        ("a" * 300 + ".png", errors.InputError),
        ("data:image/png;base64,AAAA", errors.InputError),
        ("bogus://host/a.png", errors.FetchFailed),
        ("memory:///nowhere.png", errors.ImageNotFound),
        ("memory://nowhere-*.png", errors.ImageNotFound),
    ],
)
def test_what_is_not_there_is_a_source_that_says_so(path, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [source] = find_sources([path])
    assert source.name == path
    with pytest.raises(error):
        source.read(POLICY)


def test_a_folder_that_may_not_be_searched_is_a_source_that_says_so(folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for named in (folder, f"{folder}/**/*.png"):
        found = {source.name: source for source in find_sources([named])}
        with pytest.raises(errors.PathNotAllowed, match="deep"):
            found[f"{folder}/deep"].read(POLICY)
        assert f"{folder}/b.png" in found


def test_names_that_are_no_unicode(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(raw, "wb") as file:
        file.write(png())
    [source] = find_sources([tmp_path])
    assert os.fsencode(source.name) == raw
    assert source.read(POLICY).data == png()


def test_a_stamp_tells_changed_files_from_unchanged_ones(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    [source] = find_sources([path])
    first = source.stamp()
    assert source.stamp() == first
    status = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert source.stamp() != first, "same size and time"


@pytest.fixture
def memory():
    import fsspec

    system = fsspec.filesystem("memory")
    top = f"/{uuid.uuid4().hex}"
    for name in ("a.png", "deep/b.PNG", "deep/.secret/c.png", "notes.txt"):
        system.pipe(f"{top}/{name}", png())
    yield system, top
    system.rm(top, recursive=True)


def test_file_systems_of_fsspec(memory):
    system, top = memory
    url = f"memory://{top}"
    assert names(url) == [f"{url}/a.png", f"{url}/deep/b.PNG"]
    assert names(f"{url}/*.png", f"{url}/a.png") == [f"{url}/a.png"]
    [source] = find_sources([f"{url}/a.png"])
    assert source.read(POLICY).data == png()
    before = source.stamp()
    assert source.stamp() == before
    system.pipe(f"{top}/a.png", png(colour="red"))
    assert source.stamp() != before
    with pytest.raises(errors.ImageTooLarge):
        source.read(ImagePolicy(max_bytes=10))


def test_files_of_the_same_name_in_two_archives_are_two(tmp_path):
    for name, colour in (("one.zip", "red"), ("two.zip", "blue")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.png", png(colour=colour))
    urls = [f"zip://*.png::file://{tmp_path}/{name}" for name in ("one.zip", "two.zip")]
    found = list(find_sources(urls))
    assert [source.read(POLICY).data for source in found] == [png(colour="red"), png(colour="blue")]
    assert all("a.png::file://" in source.name for source in found)


def test_a_file_system_that_fails_in_its_own_way_is_an_error_of_ours(monkeypatch):
    import fsspec

    class NoCredentials(Exception):
        pass

    def fail(url, **options):
        assert options == {"key": "k"}
        raise NoCredentials("who are you?")

    monkeypatch.setattr(fsspec.core, "url_to_fs", fail)
    [source] = find_sources(["s3://bucket/scans"], {"key": "k"})
    with pytest.raises(errors.FetchFailed, match="who are you"):
        source.read(POLICY)


def test_pages_of_the_web_where_the_policy_lets_them_in():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png())

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/a.png"
        [source] = find_sources([url])
        assert source.stamp() is None
        assert source.read(POLICY).data == png()
        for policy in (ImagePolicy(allow_urls=False), ImagePolicy(public_addresses_only=True)):
            with pytest.raises(errors.UrlNotAllowed):
                source.read(policy)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
