"""Paths: regular files only, inside the allowed roots, whatever links and swaps say."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from smolvlm_tools import (
    CorruptImage,
    ImageNotFound,
    ImageTooLarge,
    InputError,
    PathNotAllowed,
    UrlNotAllowed,
)
from smolvlm_tools.images import ImagePolicy, load_image

_stream = io.BytesIO()
Image.linear_gradient("L").resize((40, 24)).save(_stream, "PNG")
PNG = _stream.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a ramp.png"
    path.write_bytes(PNG)
    return path


def test_a_missing_file_is_named_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageNotFound, match=r"'cat\.png'"):
        load_image("cat.png")


@pytest.mark.parametrize("text", ["", "   ", "word", "x-" * 2500, "not, an image! " * 1000])
def test_text_that_is_no_source_is_not_found(text: str) -> None:
    with pytest.raises(ImageNotFound) as caught:
        load_image(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["\ud800.png", "a\udfff", "a" * 5_000, "a/" * 100_000])
def test_a_name_that_no_file_has_is_not_found(name: str, tmp_path: Path) -> None:
    for source in (
        name,
        tmp_path / name,
        f"file://{name}",
        f"file:///{quote(name, errors='ignore')}",
    ):
        for policy in (ImagePolicy(), ImagePolicy(allowed_roots=(tmp_path,))):
            with pytest.raises(InputError) as caught:
                load_image(source, policy)
            str(caught.value).encode()


def test_a_directory_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(PathNotAllowed, match="is a directory"):
        load_image(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX file kinds")
def test_only_regular_files_are_read_and_nothing_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    link = tmp_path / "link.png"
    link.symlink_to(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # socket paths must be short
        server.bind("socket.png")
        for path in (pipe, link, tmp_path / "socket.png", Path("/dev/zero")):
            with pytest.raises(PathNotAllowed, match="not a regular file"):
                load_image(path)


@pytest.mark.parametrize("text", ["a\0.png", "file:///a%00.png"])
def test_a_path_with_a_nul_is_refused(text: str) -> None:
    with pytest.raises(PathNotAllowed, match="NUL"):
        load_image(text)


def test_a_file_url_of_another_host_is_refused(file: Path) -> None:
    assert load_image(f"file://localhost{quote(str(file))}").size == (40, 24)
    with pytest.raises(UrlNotAllowed, match="names the host"):
        load_image(f"file://server{quote(str(file))}")


def test_an_empty_and_an_oversized_file_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    with pytest.raises(CorruptImage, match="is empty"):
        load_image(path)
    path.write_bytes(PNG)
    assert load_image(path, ImagePolicy(max_bytes=len(PNG))).size == (40, 24)
    with pytest.raises(ImageTooLarge, match="limit is"):
        load_image(path, ImagePolicy(max_bytes=len(PNG) - 1))


def test_a_link_loop_is_a_typed_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    with pytest.raises(InputError):
        load_image(loop)


def test_allowed_roots_hold_against_links_siblings_and_climbing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, evil = tmp_path / "img", tmp_path / "img-evil"
    for folder in (root, evil):
        folder.mkdir()
        (folder / "a.png").write_bytes(PNG)
    (root / "out.png").symlink_to(evil / "a.png")
    (root / "folder").symlink_to(evil)
    (root / "in.png").symlink_to(root / "a.png")
    (tmp_path / "alias").symlink_to(root)
    policy = ImagePolicy(allowed_roots=(tmp_path / "alias",))
    monkeypatch.chdir(root)
    for inside in (root / "a.png", root / "in.png", "a.png", tmp_path / "alias" / "a.png"):
        assert load_image(inside, policy).size == (40, 24)
    for outside in (
        evil / "a.png",
        root / "out.png",
        root / "folder" / "a.png",
        f"{root}/../img-evil/a.png",
        "../img-evil/a.png",
        (evil / "a.png").as_uri(),
        f"file://{root}/%2e%2e/img-evil/a.png",
        "/proc/self/environ",
    ):
        with pytest.raises(PathNotAllowed, match="outside the allowed folders"):
            load_image(outside, policy)


def test_a_bare_name_is_looked_for_in_the_allowed_folders_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = tuple(tmp_path / name for name in ("one", "two", "three", "four"))
    elsewhere = tmp_path / "elsewhere"
    for folder in (*roots, elsewhere):
        folder.mkdir()
    (roots[1] / "sub").mkdir()
    for place in (roots[1] / "a.png", roots[1] / "sub" / "b.png", elsewhere / "a.png"):
        place.write_bytes(PNG)
    (elsewhere / "c.png").write_bytes(PNG)
    (roots[0] / "out.png").symlink_to(elsewhere / "c.png")
    policy = ImagePolicy(allowed_roots=roots)
    monkeypatch.chdir(elsewhere)
    assert load_image("a.png", policy).ref.source == "a.png"
    assert load_image("sub/b.png", policy).size == (40, 24)
    for outside in ("c.png", "out.png", "../elsewhere/c.png", "none.png"):
        with pytest.raises(PathNotAllowed, match="outside the allowed folders") as caught:
            load_image(outside, policy)
        assert all(repr(str(root)) in caught.value.remedy for root in roots[:3])
        assert "four" not in caught.value.remedy


def test_without_an_allowed_folder_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(PathNotAllowed, match="there is none"):
        load_image(tmp_path / "a.png", ImagePolicy(allowed_roots=()))


def test_allowed_roots_do_not_tell_whether_an_outside_file_exists(tmp_path: Path) -> None:
    policy = ImagePolicy(allowed_roots=(tmp_path / "img",))
    with pytest.raises(PathNotAllowed):
        load_image(tmp_path / "nothing-here.png", policy)


def test_a_file_swapped_between_check_and_open_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "img"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    path = root / "a.png"
    path.write_bytes(PNG)
    open_for_real = os.open

    def swap_and_open(name: str, flags: int) -> int:
        path.unlink()
        path.symlink_to(tmp_path / "secret.png")
        return open_for_real(name, flags)

    monkeypatch.setattr("smolvlm_tools.images.files.os.open", swap_and_open)
    with pytest.raises(PathNotAllowed, match="outside the allowed folders"):
        load_image(path, ImagePolicy(allowed_roots=(root,)))
