"""Pages that lie on their side are turned before they are read."""

from __future__ import annotations

import pytest
from PIL import Image

from smolvlm_tools import SmolVLM
from tests.support.paths import REAL, SHAPES, real_only


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load(embedded) as engine:
        yield engine


@real_only
@pytest.mark.parametrize("cache", [True, False])
def test_a_page_on_its_side_is_read_as_if_it_were_upright(embedded, cache):
    path = REAL / "phototest-rotated-right.png"
    upright = Image.open(path).convert("RGB").transpose(Image.Transpose.ROTATE_90)
    with SmolVLM.load(embedded, cache=cache) as vlm:
        expected = vlm.transcribe(upright, max_new_tokens=40)
        for _ in range(2):  # the second time its facts are known
            result = vlm.transcribe(path, max_new_tokens=40)
            assert "turned" in result.flags
            assert result.text == expected.text
        assert "turned" not in expected.flags


@real_only
def test_only_reading_turns_a_page(vlm):
    path = REAL / "phototest-rotated-right.png"
    assert "turned" not in vlm.describe(path, max_new_tokens=5).flags
    many = vlm.ask_many(path, {"a": "What?", "b": "Why?"}, task="transcribe", max_new_tokens=5)
    assert all("turned" in result.flags for result in many.values())


def test_a_scene_is_left_as_it_is(vlm):
    assert "turned" not in vlm.transcribe(SHAPES, max_new_tokens=5).flags


def test_the_same_bytes_turned_and_not_turned_have_features_of_their_own(vlm, monkeypatch):
    """Half a turn keeps the tile grid, so that only the key tells the two apart."""
    from smolvlm_tools.prompt import image_opener

    plain = vlm.transcribe(SHAPES, max_new_tokens=8, layout="plain")
    vlm._pipeline.layouter.known.clear()
    monkeypatch.setattr(image_opener, "quarter_turns", lambda pixels: 2)
    turned = vlm.transcribe(SHAPES, max_new_tokens=8, layout="plain")
    assert "turned" in turned.flags
    assert turned.usage.cached_tiles == 0
    assert plain.image_sha256 == turned.image_sha256
