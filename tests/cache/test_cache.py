"""What the caches keep, share and drop."""

from __future__ import annotations

import numpy as np
import pytest

from smolvlm_tools import BadOptions, CacheLimits
from smolvlm_tools.cache import Identities, ImageKey, PrefixCache, parse_cache
from smolvlm_tools.prompt.resolution import TileGrid

PER_TOKEN = 2 * 1 * 4 * 4  # bytes of one position of the blocks below


def ids(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8).astype(np.int64)


def block(text: str) -> np.ndarray:
    """Keys and values that say which positions they are of: (2, 1, L, 4)."""
    return np.broadcast_to(ids(text)[None, None, :, None], (2, 1, len(text), 4)).astype(np.float32)


def storage(block) -> int:
    """Bytes of the array that a view looks into."""
    return (block if block.base is None else block.base).nbytes


def keep(cache: PrefixCache, text: str) -> None:
    whole = block(text)
    cache.insert(ids(text), lambda start, stop: whole[:, :, start:stop].copy())


def known(cache: PrefixCache, text: str) -> str:
    """What the cache knows of the beginning of `text`, read back from the blocks."""
    values = [int(v) for part in cache.match(ids(text)) for v in part[0, 0, :, 0]]
    return bytes(values).decode()


def test_a_prefix_cache_returns_the_longest_kept_beginning_whatever_came_between():
    cache = PrefixCache(10_000)
    for text in ("image A: red?", "image B: how many?", "image A: blue?", "hello"):
        keep(cache, text)
    assert known(cache, "image A: green?") == "image A: "
    assert known(cache, "image B: how much?") == "image B: how m"
    assert known(cache, "image A: red? no, blue") == "image A: red?"
    assert known(cache, "image") == "image"
    assert known(cache, "nothing alike") == ""


def test_a_shared_beginning_is_kept_once():
    cache = PrefixCache(10_000)
    keep(cache, "shared beginning, one")
    keep(cache, "shared beginning, two")
    assert cache.nbytes == (len("shared beginning, ") + 2 * len("one")) * PER_TOKEN
    keep(cache, "shared beginning, two")
    keep(cache, "shared")
    assert cache.nbytes == (len("shared beginning, ") + 2 * len("one")) * PER_TOKEN


def test_the_bound_holds_and_the_least_recently_used_end_goes_first():
    cache = PrefixCache(20 * PER_TOKEN)
    keep(cache, "aaaa-one")
    keep(cache, "aaaa-two")
    keep(cache, "bbbb")
    assert known(cache, "aaaa-one") == "aaaa-one"  # now "two" is the oldest
    keep(cache, "cccccccc")
    assert cache.nbytes <= 20 * PER_TOKEN
    assert known(cache, "aaaa-two") == "aaaa-"
    assert known(cache, "aaaa-one") == "aaaa-one"
    assert known(cache, "cccccccc") == "cccccccc"


def test_a_sequence_longer_than_the_bound_is_not_kept_and_pushes_nothing_out():
    cache = PrefixCache(6 * PER_TOKEN)
    keep(cache, "old")
    keep(cache, "old and long")
    assert known(cache, "old and long") == "old"
    keep(cache, "a long one")
    assert known(cache, "a long one") == ""
    assert cache.nbytes == 3 * PER_TOKEN


def test_blocks_handed_out_survive_eviction():
    cache = PrefixCache(6 * PER_TOKEN)
    keep(cache, "abcdef")
    parts = cache.match(ids("abcdef"))
    keep(cache, "uvwxyz")
    assert known(cache, "abcdef") == ""
    assert bytes(int(v) for v in parts[0][0, 0, :, 0]) == b"abcdef"


def test_a_reader_that_fails_leaves_the_cache_as_it_was():
    cache = PrefixCache(10_000)
    keep(cache, "one two")

    def fail(start, stop):
        raise MemoryError

    with pytest.raises(MemoryError):
        cache.insert(ids("one three"), fail)
    assert known(cache, "one two") == "one two"
    assert known(cache, "one three") == "one t"


def test_a_thousand_random_sequences_are_found_again_or_forgotten_but_never_confused():
    random = np.random.default_rng(0)
    cache = PrefixCache(300 * PER_TOKEN)
    for _ in range(1000):
        text = "".join(random.choice(list("ab"), size=int(random.integers(1, 40))))
        assert text.startswith(known(cache, text))
        keep(cache, text)
        assert cache.nbytes <= 300 * PER_TOKEN
        assert cache.nbytes == sum(node.stored for node in cache._nodes())
        assert all(node.block.nbytes <= node.stored for node in cache._nodes())
        assert all(node.stored == storage(node.block) for node in cache._nodes())


def test_a_cache_without_room_keeps_nothing():
    cache = PrefixCache(0)
    keep(cache, "abc")
    assert known(cache, "abc") == ""


def image_key(sha256: str, **grid) -> ImageKey:
    whole = {"steps": ((8, 8),), "rows": 0, "cols": 0, "tile_size": 8, "tokens_per_tile": 3} | grid
    return ImageKey(sha256, TileGrid(**whole))


def test_image_tokens_are_told_apart_by_image_grid_and_place():
    identities = Identities()
    prompt = np.array([1, 9, 9, 9, 2])
    one = identities.of(prompt, 9, [image_key("a")])
    assert (one[[0, 4]] == [1, 2]).all()
    assert (one[1:4] < 0).all()
    assert len(set(one.tolist())) == 5
    assert (one == identities.of(prompt, 9, [image_key("a")])).all()
    assert not np.isin(identities.of(prompt, 9, [image_key("b")])[1:4], one).any()
    assert not np.isin(identities.of(prompt, 9, [image_key("a", rows=0, cols=1)])[1:4], one).any()
    assert not np.isin(Identities().of(prompt, 9, [image_key("a")])[1:4], one).any()


@pytest.mark.parametrize("cache", [None, "yes", 5])
def test_a_cache_that_is_none_is_refused(cache):
    with pytest.raises(BadOptions):
        parse_cache(cache)


def test_true_and_false_are_bounds_too():
    assert parse_cache(True) == CacheLimits()
    assert parse_cache(False) == CacheLimits(vision_bytes=0, kv_bytes=0)
