"""Impossible values are refused where they are written, before anything is loaded."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")

from langchain_smolvlm import ChatSmolVLM, SmolVLMBlobParser, SmolVLMLoader, SmolVLMToolkit

from smolvlm_tools import BadOptions, SmolVLMError

LOADING = [
    {"backend": "onyx"},
    {"precision": "fp12"},
    {"precision": {"vision": "fp12"}},
    {"device": "toaster"},
    {"resolution": "huge"},
    {"resolution": 0},
    {"memory_budget": "much"},
    {"base_url": "http://127.0.0.1:1/v1"},
    {"backend": "remote", "precision": "int8"},
]
MORE = [
    {"max_queue": 0},
    {"max_queue": "many"},
    {"batch_size": -1},
    {"threads": 0},
    {"policy": "nobody"},
    {"max_queeu": 64},
    {"cache": "large"},
]
REQUESTS = [
    {"max_new_tokens": -1},
    {"temperature": -3},
    {"top_p": 7},
    {"top_k": -1},
    {"seed": "x"},
    {"stop": [""]},
    {"min_confidence": 5},
    {"min_field_confidence": -0.1},
    {"on_incomplete": "shrug"},
]
OF_CALLS = [{"resolution": "huge"}, {"max_tokenz": 3}, {"task": "sing"}, {"pages": "x"}]


def makers():
    return {
        "parser": SmolVLMBlobParser,
        "loader": lambda **options: SmolVLMLoader("a.png", **options),
        "toolkit": SmolVLMToolkit,
        "chat": ChatSmolVLM,
    }


@pytest.mark.parametrize("kind", ["parser", "loader", "toolkit", "chat"])
@pytest.mark.parametrize("given", LOADING + MORE, ids=repr)
def test_what_no_model_can_be_loaded_with_is_refused(kind, given):
    as_fields = kind == "chat" and given in LOADING
    with pytest.raises(SmolVLMError, match=r".") as caught:
        makers()[kind](**(given if as_fields else {"load_options": given}))
    assert str(next(reversed(given.values()))) in str(caught.value) or next(reversed(given)) in str(
        caught.value
    )


@pytest.mark.parametrize("kind", ["parser", "loader"])
@pytest.mark.parametrize("given", REQUESTS + OF_CALLS, ids=repr)
def test_what_no_request_can_have_is_refused(kind, given):
    with pytest.raises(BadOptions, match=next(iter(given))):
        makers()[kind](options=given)


@pytest.mark.parametrize("given", REQUESTS, ids=repr)
def test_a_chat_models_fields_are_checked(given):
    with pytest.raises(BadOptions, match=next(iter(given))):
        ChatSmolVLM(**given)


@pytest.mark.parametrize("kind", ["parser", "loader"])
@pytest.mark.parametrize(
    "given",
    [
        {"longest_edge": -5},
        {"longest_edge": "long"},
        {"max_pages": 0},
        {"pages": "first"},
        {"mode": "poem"},
        {"text": "none"},
        {"on_error": "ignore"},
        {"policy": "nobody"},
        {"cache": 5},
        {"options": "max_new_tokens"},
    ],
    ids=repr,
)
def test_a_loaders_own_options_are_checked(kind, given):
    with pytest.raises(BadOptions, match=next(iter(given))):
        makers()[kind](**given)


@pytest.mark.parametrize("kind", ["parser", "loader"])
def test_a_model_is_a_name_or_a_folder(kind):
    with pytest.raises(BadOptions, match="5 names no model"):
        makers()[kind](model=5)


def test_a_field_that_stands_in_load_options_too_is_refused():
    with pytest.raises(BadOptions, match=r"ChatSmolVLM\(precision=…\)"):
        ChatSmolVLM(load_options={"precision": "int8"})


def test_possible_values_are_taken():
    ChatSmolVLM(resolution=2, precision={"vision": "int8"}, memory_budget="4GB", policy="public")
    SmolVLMBlobParser(options={"resolution": 2, "max_new_tokens": 5}, load_options={"threads": 2})
    SmolVLMToolkit(load_options={"max_queue": 64, "backend": "remote", "timeout": 5.0})
