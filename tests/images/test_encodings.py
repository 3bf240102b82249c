"""Data URIs and base64 text: the same bytes as the standard library, in bounded time and memory."""

from __future__ import annotations

import base64
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smolvlm_tools import BadEncoding, ImageTooLarge, InputError
from smolvlm_tools.images import ImagePolicy, encodings
from smolvlm_tools.images.encodings import (
    decode_base64,
    decode_data_uri,
    is_plausible_base64,
    url_scheme,
)

POLICY = ImagePolicy()
WRITTEN = st.text(st.sampled_from("%4aAfF1zé☃ ="), max_size=40)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes and padding lie on the borders of pieces."""
    monkeypatch.setattr(encodings, "_PIECE", 7)


@pytest.mark.usefixtures("short_pieces")
@given(WRITTEN)
@example("%%%41%4%zz%41")
@example("aaaaaa%41aaaa%41%41%41")
def test_escapes_are_decoded_as_the_standard_library_does(text: str) -> None:
    assert decode_data_uri(f"data:,{text}", POLICY)[0] == unquote_to_bytes(text)


@given(st.binary(max_size=60), st.integers(1, 9))
def test_base64_with_line_breaks_comes_back(data: bytes, line: int) -> None:
    text = base64.b64encode(data).decode()
    broken = "\r\n".join(text[at : at + line] for at in range(0, len(text), line))
    assert decode_base64(broken, POLICY, "it") == data
    assert decode_data_uri(f"data:;base64,{quote(text)}", POLICY)[0] == data


@given(st.text(max_size=80))
@example("data:")
@example("data:" + ";" * 2_000 + ",")
@example("data:,\ud800")
@example("data:;base64,\ud800")
@example("data:;base64,%\ud800")
@example("\ud800")
def test_any_text_is_decoded_or_a_typed_error(text: str) -> None:
    is_plausible_base64(text)
    for whole in (text, f"data:{text}", f"data:,{text}", f"data:;base64,{text}"):
        if url_scheme(whole) == "data":
            try:
                assert isinstance(decode_data_uri(whole, POLICY)[0], bytes)
            except InputError as error:
                assert error.remedy
    try:
        decode_base64(text, POLICY, "it")
    except InputError as error:
        assert error.remedy


@pytest.mark.parametrize("text", ["%41" * 101, "%" * 101, "a" * 101, "é" * 51])
def test_the_limit_holds_for_what_is_decoded(text: str) -> None:
    policy = ImagePolicy(max_bytes=100)
    with pytest.raises(ImageTooLarge, match="the limit is 100 bytes"):
        decode_data_uri(f"data:,{text}", policy)
    assert len(decode_data_uri("data:," + "%41" * 100, policy)[0]) == 100


def test_a_long_header_is_refused() -> None:
    with pytest.raises(BadEncoding, match="2,000 characters before its comma"):
        decode_data_uri("data:" + "x" * 2_000 + ",a", POLICY)


@pytest.mark.parametrize(
    ("text", "plausible"),
    [
        ("A" * 64, True),
        ("A" * 62 + "==", True),
        ("A" * 60 + "====", False),
        ("A" * 64 + " \n", True),
        (" " * 64, False),
        ("A" * 64 + "!", False),
        ("iVBORw0KGgo" + "A" * 30, True),
        ("iVBORw0KGgo.png", False),
        ("A" * 20, False),
    ],
)
def test_what_is_taken_for_base64(text: str, plausible: bool) -> None:
    assert is_plausible_base64(text) is plausible
