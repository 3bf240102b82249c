"""Features by tile: each distinct tile is encoded once, and replies are the same as without."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.cache import FeatureCache, ImageKey
from smolvlm_tools.cache.features import MOST_IMAGES
from smolvlm_tools.prompt.resolution import TileGrid


def key(sha256: str, **grid) -> ImageKey:
    whole = {"steps": ((8, 8),), "rows": 0, "cols": 0, "tile_size": 8, "tokens_per_tile": 3} | grid
    return ImageKey(sha256, TileGrid(**whole))


def features(value: float) -> np.ndarray:
    return np.full((1, 2, 2), value, dtype=np.float64)


def test_tiles_are_told_apart_by_every_pixel():
    cache = FeatureCache(1000)
    frames = np.zeros((4, 3, 8, 8), np.uint8)
    frames[1, 2, 7, 7] = frames[2, 0, 0, 0] = 1
    first, *others = cache.keys(frames)
    assert others[-1] == first
    assert len({first, *others}) == 3
    assert FeatureCache(1000).keys(frames)[0] != first, "the secret is each cache's own"


def test_tiles_are_kept_within_the_bound_and_the_oldest_go_first():
    cache = FeatureCache(3 * 32)
    for name in (b"a", b"b", b"c"):
        cache.keep({name: features(1)})
    assert list(cache.find([b"a"])) == [b"a"]  # now "b" is the oldest
    cache.keep({b"d": features(2)})
    assert set(cache.find([b"a", b"b", b"c", b"d"])) == {b"a", b"c", b"d"}
    assert cache.nbytes == 3 * 32
    cache.keep({b"large": np.zeros(100), b"a": features(5)})
    assert set(cache.find([b"a", b"c", b"d", b"large"])) == {b"a", b"c", b"d"}
    assert cache.find([b"a"])[b"a"][0, 0, 0] == 1
    cache.clear()
    assert cache.nbytes == 0 and not cache.find([b"a"])


def test_an_image_is_known_while_all_its_tiles_are():
    cache = FeatureCache(3 * 32)
    cache.keep({b"a": features(1), b"b": features(2)})
    cache.name(key("one"), [b"a", b"b", b"a"])
    assert [part[0, 0, 0] for part in cache.image(key("one"))] == [1, 2, 1]
    assert cache.image(key("one", rows=1, cols=2)) is None
    assert cache.image(key("two")) is None
    cache.keep({b"c": features(3), b"d": features(4)})
    assert cache.image(key("one")) is None


def test_names_of_images_are_bounded_and_none_are_kept_without_room():
    cache = FeatureCache(32)
    cache.keep({b"a": features(1)})
    for number in range(MOST_IMAGES + 1):
        cache.name(key(str(number)), [b"a"])
    assert cache.image(key("0")) is None
    assert cache.image(key(str(MOST_IMAGES))) is not None
    none = FeatureCache(0)
    none.keep({b"a": features(1)})
    none.name(key("one"), [b"a"])
    assert none.image(key("one")) is None and none.nbytes == 0


@pytest.fixture(scope="module")
def side(embedded) -> int:
    """Of a tile, in pixels."""
    return open_checkpoint(embedded).config.image.tile_size


def half_blank(side: int, with_number: bool = False) -> Image.Image:
    """A page of 4 x 4 tiles of which the lower half is white, but for a number in one."""
    page = Image.new("RGB", (4 * side, 4 * side), "white")
    draw = ImageDraw.Draw(page)
    for place in range(0, 2 * side, 9):
        draw.line((0, place, 4 * side - 1, 2 * side - 1 - place), (place % 200, 40, 90), 3)
    page.paste("white", (0, 2 * side, 4 * side, 4 * side))
    if with_number:
        draw.text((5, 3 * side), "page 2", "black")
    return page


def looking_at(*images: Image.Image) -> list[dict]:
    parts = [{"type": "image", "image": image} for image in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "What is this?"}]}]


def look(vlm: SmolVLM, image: Image.Image):
    return vlm.generate(looking_at(image), resolution=4, max_new_tokens=8, logprobs=True)


@pytest.mark.parametrize("cache", [True, False])
def test_blank_tiles_of_a_page_are_encoded_once(load, side, cache, monkeypatch):
    page = half_blank(side)
    with load(cache=cache) as vlm:
        once = look(vlm, page)
    monkeypatch.setattr(FeatureCache, "keys", lambda _, frames: range(len(frames)))
    with load(cache=cache) as vlm:
        each = look(vlm, page)
    assert once.usage.tiles == each.usage.tiles == 17
    assert each.usage.cached_tiles == 0
    assert once.usage.cached_tiles == 7, "eight white tiles, one of them encoded"
    assert [token.id for token in once.tokens] == [token.id for token in each.tokens]
    assert once.confidence == pytest.approx(each.confidence, abs=1e-4)


def test_a_page_that_comes_back_changed_costs_the_tiles_that_changed(load, side):
    with load() as vlm:
        first = look(vlm, half_blank(side))
        second = look(vlm, half_blank(side, with_number=True))
        again = look(vlm, half_blank(side, with_number=True))
    assert first.usage.cached_tiles == 7
    assert second.usage.tiles - second.usage.cached_tiles == 2, "a tile, and the whole page"
    assert again.usage.cached_tiles == again.usage.tiles


def test_images_of_one_request_share_their_tiles_without_a_cache(load):
    blank = [Image.new("RGB", size, "white") for size in ((64, 64), (128, 128))]
    with load(cache=False) as vlm:
        reply = vlm.generate(looking_at(*blank), resolution=1, max_new_tokens=2)
    assert reply.usage.tiles == 2
    assert reply.usage.cached_tiles == 1
