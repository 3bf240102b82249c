"""The same parameters on the LLM, the reader, the transform and the tools, checked alike."""

from __future__ import annotations

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

from llama_index.core.schema import ImageNode
from llama_index.llms.smolvlm import SmolVLMLLM
from llama_index.readers.smolvlm import SmolVLMImageReader, SmolVLMTransform, with_image_sha256
from llama_index.tools.smolvlm import SmolVLMToolSpec
from llama_index.tools.smolvlm.spec import SETTINGS
from pydantic import ValidationError

from smolvlm_tools import BadOptions, SharedEngine
from tests.support.paths import SHAPES

COMPONENTS = {
    "llm": SmolVLMLLM,
    "reader": SmolVLMImageReader,
    "transform": SmolVLMTransform,
    "tools": SmolVLMToolSpec,
}
GENERATION = {
    "max_new_tokens": 7, "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4, "seed": 1,
    "stop": ["x"], "repetition_guard": False, "logprobs": True, "min_confidence": 0.1,
    "min_field_confidence": 0.2, "on_incomplete": "complete",
}  # fmt: skip
LOADING = {
    "backend": "onnx", "precision": "fp32", "device": "cpu", "resolution": 2,
    "memory_budget": "4GB", "revision": "main", "local_files_only": True, "base_url": None,
}  # fmt: skip
BAD = [
    {"max_new_tokens": -1}, {"max_tokens": 0}, {"temperature": -3}, {"top_p": 7}, {"top_k": -1},
    {"seed": -1}, {"stop": [""]}, {"min_confidence": 5}, {"min_field_confidence": -1},
    {"on_incomplete": "shrug"}, {"backend": "onyx"}, {"precision": "fp12"}, {"device": "toaster"},
    {"resolution": "huge"}, {"memory_budget": "much"}, {"base_url": "http://127.0.0.1:1/v1"},
    {"load_options": {"max_queeu": 64}}, {"load_options": {"batch_size": 0}}, {"policy": "nobody"},
]  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in COMPONENTS if kind != "llm"])
def test_every_component_has_the_fields_of_the_llm_with_its_defaults(kind):
    wanted = {*GENERATION, *LOADING, "model", "load_options", "policy"}
    assert wanted <= SmolVLMLLM.model_fields.keys()
    if kind == "tools":
        assert wanted <= SETTINGS
    else:
        fields = COMPONENTS[kind].model_fields
        for name in wanted:
            assert repr(fields[name]) == repr(SmolVLMLLM.model_fields[name])


@pytest.mark.parametrize("kind", COMPONENTS)
@pytest.mark.parametrize("given", BAD, ids=repr)
def test_impossible_values_are_refused_where_they_are_written(kind, given):
    ((name, value),) = given.items()
    named = next(iter(value)) if isinstance(value, dict) else name
    named = {"max_tokens": "max_new_tokens", "memory_budget": "'much' is not an amount"}.get(
        named, named
    )
    with pytest.raises(BadOptions, match=named):
        COMPONENTS[kind](**given)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_possible_values_are_taken(kind):
    COMPONENTS[kind](**GENERATION, **LOADING)
    COMPONENTS[kind](load_options={"max_queue": 64, "memory_budget": "4GB"})


@pytest.mark.parametrize("kind", COMPONENTS)
def test_what_is_said_twice_is_refused(kind, counting):
    with pytest.raises(BadOptions, match="Give memory_budget once"):
        COMPONENTS[kind](memory_budget="1GB", load_options={"memory_budget": "2GB"})
    with pytest.raises(BadOptions, match="both an engine and a model"):
        COMPONENTS[kind](engine=counting[1], precision="fp32")


@pytest.mark.parametrize("kind", ["reader", "transform"])
def test_options_of_requests_are_checked_too(kind):
    with pytest.raises(BadOptions, match="max_new_tokens"):
        COMPONENTS[kind](options={"max_new_tokens": -1})
    with pytest.raises(BadOptions, match="max_tokenz"):
        COMPONENTS[kind](options={"max_tokenz": 1})
    with pytest.raises(BadOptions, match="both a field and in options"):
        COMPONENTS[kind](max_new_tokens=5, options={"max_tokens": 6})
    with pytest.raises(BadOptions, match="longest_edge"):
        SmolVLMImageReader(longest_edge=-3)
    with pytest.raises(ValidationError, match="max_new_tokenz"):
        COMPONENTS[kind](max_new_tokenz=5)


def test_the_fields_hold_for_what_is_asked(counting):
    _, vlm = counting
    given = {"engine": vlm, "max_new_tokens": 2, "repetition_guard": False}
    (read,) = SmolVLMImageReader(mode="caption", **given).load_data(SHAPES)
    nodes = with_image_sha256([ImageNode(image_path=str(SHAPES))])
    (seen,) = SmolVLMTransform(mode="caption", **given)(nodes)
    for metadata in (read.metadata, seen.metadata):
        assert metadata["caption_completion_tokens"] == 2
        assert metadata["caption_finish_reason"] == "length"
    (tool,) = SmolVLMToolSpec(**given, policy="trusted").to_tool_list(["describe_image"])
    assert tool.call(image=str(SHAPES)).raw_output.usage.completion_tokens == 2
    said = tool.call(image=str(SHAPES), max_new_tokens=1).raw_output
    assert said.usage.completion_tokens == 1, "an agent's own wish wins"


def test_a_stop_text_of_the_tools_is_for_free_text(embedded):
    with SmolVLMToolSpec(embedded, stop=["circle"], policy="trusted") as spec:
        describe, ask = spec.to_tool_list(["describe_image", "answer_question"])
        assert "circle" not in describe.call(image=str(SHAPES)).raw_output.text
        asked = {"image": str(SHAPES), "question": "What color is the circle?"}
        typed = ask.call(**asked, answer_type="choice", choices=["red", "blue"])
        assert typed.raw_output.value == "red"


def test_components_of_one_configuration_share_an_engine(embedded):
    fields = SmolVLMLLM(model=embedded, resolution=2, load_options={"batch_size": 3})
    others = [
        SmolVLMImageReader(model=embedded, load_options={"batch_size": 3, "resolution": 2}),
        SmolVLMTransform(model=embedded, resolution=2, load_options={"batch_size": 3}),
    ]
    engine = fields.source().get()
    assert all(other.source().get() is engine for other in others)
    with SmolVLMToolSpec(embedded, resolution=2, batch_size=3) as spec:
        assert spec._claim.get() is engine
    fields.close()


def test_a_plan_of_the_tools_loads_no_weights(embedded, monkeypatch):
    monkeypatch.setattr(SharedEngine, "get", None)
    spec = SmolVLMToolSpec(embedded, policy="trusted", batch_size=2)
    (plan,) = spec.to_tool_list(["plan_image"])
    assert plan.call(image=str(SHAPES)).raw_output.tiles == 5
    assert spec.toolbox.loaded is None


def test_fields_survive_dicts(embedded):
    for kind in (SmolVLMLLM, SmolVLMImageReader, SmolVLMTransform):
        made = kind(model=embedded, memory_budget="4GB", resolution=2, temperature=0.0, seed=1)
        again = kind.from_dict(made.to_dict())
        assert again.to_dict() == made.to_dict()
        assert again.request_options() == {"temperature": 0.0, "seed": 1}
        assert again.loading()["memory_budget"] == "4GB"
