"""Images by handle: what an argument may be, what is kept, and what an error says."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import smolvlm_tools.tools.image_store as image_store
from smolvlm_tools import (
    BadOptions,
    CorruptImage,
    ImageNotFound,
    ImagePolicy,
    PathNotAllowed,
    UrlNotAllowed,
)
from smolvlm_tools.tools import ImageStore, agent_policy


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with one picture in it."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png", 1)
    return tmp_path


def save(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_every_form_of_an_image_leads_to_the_same_handle(folder):
    data = (folder / "a.png").read_bytes()
    encoded = base64.b64encode(data).decode()
    store = ImageStore()
    first = store.load("a.png")
    assert first.handle == f"img:{first.sha256[:16]}" and first.data == data
    assert (first.size, first.format, first.pages) == ((30, 20), "PNG", 1)
    for form in (
        str(folder / "a.png"),
        (folder / "a.png").as_uri(),
        f"data:image/png;base64,{encoded}",
        encoded,
        first.handle,
        f" {first.handle.upper()} ",
        f"img:{first.sha256}",
        f"smolvlm://images/{first.sha256[:16]}",
        f"smolvlm://images/{first.sha256}",
    ):
        assert store.load(form) == first
    assert store.held_bytes == len(data)


def test_an_unknown_handle_says_to_load_the_image_again(folder):
    store = ImageStore()
    for handle in ("img:0123456789abcdef", "smolvlm://images/" + "0" * 64):
        with pytest.raises(ImageNotFound, match="Call load_image again") as caught:
            store.load(handle)
        assert handle in caught.value.reason
    for broken in ("img:", "img:xyz", "img:0123", "img:" + "0" * 65, "smolvlm://images/../model"):
        with pytest.raises(ImageNotFound, match="is not an image handle"):
            store.load(broken)


def test_the_images_used_longest_ago_make_room(folder):
    paths = [save(folder / f"{seed}.png", seed) for seed in range(4)]
    size = max(path.stat().st_size for path in paths)
    store = ImageStore(ImagePolicy(max_bytes=size), max_bytes=3 * size)
    first, second, third = (store.load(str(path)) for path in paths[:3])
    store.load(first.handle)
    fourth = store.load(str(paths[3]))
    assert store.held_bytes <= 3 * size
    assert [store.get(image.sha256) for image in (first, second, third, fourth)] == [
        first,
        None,
        third,
        fourth,
    ]
    store.clear()
    assert store.held_bytes == 0 and store.get(first.sha256) is None


def test_the_number_of_images_is_bounded_too(folder):
    store = ImageStore(max_images=2)
    kept = [store.load(str(save(folder / f"{seed}.png", seed))) for seed in range(3)]
    assert [store.get(image.sha256) is not None for image in kept] == [False, True, True]


def test_a_store_too_small_for_one_image_is_refused():
    with pytest.raises(BadOptions, match="cannot hold an image"):
        ImageStore(max_bytes=1_000_000)


def test_two_images_with_one_handle_are_told_apart_by_the_whole_hash(folder, monkeypatch):
    """As if somebody had found two files whose hashes begin alike."""
    monkeypatch.setattr(image_store, "_DIGEST", image_store.re.compile("[0-9a-f]{0,64}"))
    store = ImageStore()
    first, second = store.load("a.png"), store.load(str(save(folder / "b.png", 2)))
    with pytest.raises(ImageNotFound, match=r"stands for 2 images.*whole sha256"):
        store.load("img:")
    assert store.load(f"img:{second.sha256}") == second != first


def test_agents_read_only_below_their_roots_and_fetch_nothing(folder, tmp_path_factory):
    elsewhere = save(tmp_path_factory.mktemp("elsewhere") / "b.png", 2)
    with pytest.raises(PathNotAllowed):
        ImageStore().load(str(elsewhere))
    with pytest.raises(UrlNotAllowed, match="switched off"):
        ImageStore().load("http://127.0.0.1/a.png")
    with pytest.raises(PathNotAllowed):
        ImageStore(agent_policy(roots=())).load("a.png")
    assert ImageStore(agent_policy(roots=[elsewhere.parent])).load(str(elsewhere)).size == (30, 20)
    assert agent_policy(allow_urls=True).public_addresses_only


def test_a_damaged_image_is_named_as_the_caller_named_it_and_not_kept(folder):
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:100])
    store = ImageStore()
    with pytest.raises(CorruptImage, match=r"'b\.png'"):
        store.load("b.png")
    assert store.held_bytes == 0


def test_many_threads_may_load_at_once_and_decode_one_at_a_time(folder, monkeypatch):
    paths = [str(save(folder / f"{seed}.png", seed)) for seed in range(8)]
    decoding, most, lock = 0, 0, threading.Lock()
    decode = image_store.see_image

    def counted(*arguments, **options):
        nonlocal decoding, most
        with lock:
            decoding += 1
            most = max(most, decoding)
        try:
            return decode(*arguments, **options)
        finally:
            with lock:
                decoding -= 1

    monkeypatch.setattr(image_store, "see_image", counted)
    store = ImageStore(ImagePolicy(allowed_roots=(folder,)))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(store.load, paths * 4))
    assert len({image.handle for image in found}) == 8 and most == 1
    assert store.held_bytes == sum(len(image.data) for image in found[:8])


def test_a_handle_with_very_many_spaces_is_refused_at_once(folder):
    began = time.process_time()
    for text in ("img:a" + " " * 1_000_000 + "b", " " * 1_000_000 + "img:", "img:" + "\n" * 10**6):
        with pytest.raises(ImageNotFound, match="is not an image handle"):
            ImageStore().load(text)
    assert time.process_time() - began < 2
