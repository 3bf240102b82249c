"""Blocks of odd values: content, or a typed error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_core.messages import HumanMessage
from langchain_smolvlm.incoming import for_traces
from langchain_smolvlm.messages import to_messages

from smolvlm_tools import BadPrompt, InputError


def nested(times):
    block = {"type": "text", "text": "hello"}
    for _ in range(times):
        block = {"type": "non_standard", "value": block}
    return block


def test_blocks_within_blocks_are_read_to_a_depth():
    assert to_messages([HumanMessage([nested(3)])])[0].content[0].text == "hello"
    with pytest.raises(BadPrompt, match="more than 8 deep"):
        to_messages([HumanMessage([nested(9)])])
    message = HumanMessage("x").model_copy(update={"content": [nested(20_000)]})
    with pytest.raises(BadPrompt, match="more than 8 deep"):
        to_messages([message])


class Odd:
    """What no JSON can say, and what looks like a data URI as text."""

    def __str__(self):
        return "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": Odd()},
        {"type": "image", "base64": 7},
        {"type": "image", "base64": b"iVBORw0KGgo", "mime_type": 7},
        {"type": "image", "base64": ["iVBORw0KGgo"], "mime_type": ["image/png"]},
        {"type": "image", "source_type": "base64", "data": {"a": 1}},
        {"type": "file", "file": {"file_data": Odd()}},
        {"type": "file", "file": {"file_data": 7}},
        {"type": "file", "file": {"file_data": ["data:image/png"]}},
        {"type": "image", "path": "http://[", "mime_type": 3},
        {"type": "file", "path": "http://["},
        {"type": ["image"], "base64": "AAAA"},
        {"type": "image", "source": {"type": "base64", "data": 3}},
        {"type": "image_url", "image_url": {"url": 7}},
        {"type": "image_url", "image_url": [1]},
        {"type": "image", "base64": "AAAA", "pages": [1]},
        {"type": "image", "base64": "AAAA", "pages": 10**5_000},
        {"type": "json", "json": {1, 2}},
        {"type": "json", "json": Odd()},
        {},
    ],
    ids=lambda block: " ".join(map(str, block)),
)
def test_a_block_of_odd_values_is_a_typed_error(block):
    with pytest.raises(InputError) as caught:
        to_messages(for_traces([HumanMessage([block])]))
    assert caught.value.remedy


KEYS = st.sampled_from(
    "type image base64 data source url image_url mime_type path file file_data inline_data pages "
    "value json id source_type text extras media_type".split()
)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=8), st.binary(max_size=4), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
TYPES = st.sampled_from(
    "image image_url input_image file media document json text non_standard reasoning x".split()
)


@given(TYPES, st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_block_is_content_or_a_typed_error(kind, block):
    try:
        message = HumanMessage("x").model_copy(update={"content": [{**block, "type": kind}]})
        to_messages(for_traces([message]))
    except InputError as error:
        assert error.remedy


def test_an_error_names_only_the_beginning_of_a_long_type():
    block = {"type": "file", "base64": "AAAA", "mime_type": "a" * 1_000_000}
    with pytest.raises(InputError) as caught:
        to_messages([HumanMessage("x").model_copy(update={"content": [block]})])
    assert len(str(caught.value)) < 300
