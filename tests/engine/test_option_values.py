"""What an option cannot be is our error where it is written down, before anything is loaded."""

from __future__ import annotations

import pytest

from smolvlm_tools import (
    Ask,
    BadOptions,
    CacheLimits,
    GenerationOptions,
    ImagePolicy,
    Rating,
    SmolVLM,
    check_options,
    parse_bytes,
    plan_model,
    tune_model,
)
from smolvlm_tools.engine import loading, smolvlm
from smolvlm_tools.ingest import Reading
from smolvlm_tools.ingest.on_ray import Cluster
from smolvlm_tools.pages import open_pages
from smolvlm_tools.quality import Bounds
from smolvlm_tools.quality.calibrate import Wish
from smolvlm_tools.sandbox.limits import WorkerLimits
from smolvlm_tools.tools import ImageStore

NAN, INFINITE = float("nan"), float("inf")

OF_CONSTRUCTORS = [
    *((GenerationOptions, "max_new_tokens", value) for value in (-1, 0, 1.5, "many", 10**9)),
    *((GenerationOptions, "temperature", value) for value in (-3, NAN, INFINITE, "hot")),
    *((GenerationOptions, "top_p", value) for value in (0, -1, 1.1, "p")),
    *((GenerationOptions, "top_k", value) for value in (-1, 0.5)),
    *((GenerationOptions, "seed", value) for value in (-1, "x")),
    *((GenerationOptions, "stop", value) for value in ("", [""], 5)),
    *((GenerationOptions, name, "?") for name in ("repetition_guard", "ignore_eos", "logprobs")),
    (GenerationOptions, "max_tokens", 5),
    *((ImagePolicy, name, 0) for name in ("max_bytes", "max_pixels", "max_frames", "url_timeout")),
    *((ImagePolicy, name, -1) for name in ("max_metadata_chunks", "max_redirects")),
    *((ImagePolicy, name, "?") for name in ("allow_urls", "isolate", "public_addresses_only")),
    *((ImagePolicy, "allowed_roots", value) for value in (5, "/tmp")),
    (ImagePolicy, "max_byte", 5),
    *((CacheLimits, "vision_bytes", value) for value in (-1, 0.5, True, "1MB")),
    *((CacheLimits, "kv_bytes", value) for value in (-1, 0.5, True, "1MB")),
    *((WorkerLimits, name, 0) for name in ("memory_bytes", "seconds", "cpu_seconds")),
    *((WorkerLimits, name, 0) for name in ("open_files", "idle_seconds")),
    *((ImageStore, "max_bytes", value) for value in (0, -1, 1_000, "64MB")),
    *((ImageStore, "max_images", value) for value in (0, -1, 2.5)),
    (ImageStore, "policy", "everybody"),
    *((Reading, name, 0) for name in ("workers", "max_pages", "longest_edge")),
    (Reading, "policy", "everybody"),
    *((Cluster, name, -1) for name in ("num_cpus", "num_gpus", "batch", "retries")),
    (Cluster, "workers", (8, 2)),
    *((Bounds, name, -0.1) for name in ("kl", "perplexity", "task_loss")),
    (Bounds, "kl", NAN),
    *((Wish, "right", value) for value in (-0.1, 1.5, "all")),
    (Wish, "seed", -1),
]


@pytest.mark.parametrize(("kind", "name", "value"), OF_CONSTRUCTORS)
def test_a_constructor_refuses_a_value_and_names_it(kind, name, value):
    with pytest.raises(BadOptions) as caught:
        kind(**{name: value})
    assert name in caught.value.reason or repr(value) in caught.value.reason
    assert caught.value.remedy


@pytest.mark.parametrize("value", [-1, 1.5, NAN, "sure", True])
@pytest.mark.parametrize("name", ["min_confidence", "min_field_confidence"])
def test_a_share_is_from_0_to_1(name, value):
    with pytest.raises(BadOptions, match=name):
        check_options({name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("min_confidence", 2), ("max_new_tokens", 0), ("max_new_tokens", "many")]
)
def test_a_question_is_refused_where_it_is_written_down(name, value):
    with pytest.raises(BadOptions, match=name):
        Ask("What?", **{name: value})


@pytest.mark.parametrize("bounds", [(5, 1), (1, 1), (1.5, 3), (1, 10**6)])
def test_a_rating_is_refused_where_it_is_written_down(bounds):
    with pytest.raises(BadOptions):
        Rating(*bounds)


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, None, "", "much", "5XB", "-1GB", "0.1B"])
def test_what_is_no_amount_of_memory_is_refused(amount):
    with pytest.raises(BadOptions):
        parse_bytes(amount)


@pytest.mark.parametrize("options", [{"longest_edge": 0}, {"max_pages": 0}, {"max_pages": 1.5}])
def test_a_document_is_not_opened_with_impossible_limits(options):
    with pytest.raises(BadOptions, match=next(iter(options))):
        open_pages("missing.pdf", **options)


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": "all"}, {"rounds": 0}])
def test_nothing_is_measured_with_impossible_options(options):
    with pytest.raises(BadOptions, match=next(iter(options))):
        tune_model("embedded", **options)


OF_LOADING = [
    *(("backend", value) for value in ("tensorrt", "", None)),
    *(("precision", value) for value in ("fp33", "vision=fp33", {"eyes": "int8"})),
    *(("device", value) for value in ("tpu", "cuda:x", "")),
    *(("resolution", value) for value in ("sharp", 0, -1, 10**6, 1.5, True)),
    *(("memory_budget", value) for value in (0, -1, "much", 1.5)),
    *(("threads", value) for value in (0, -1, 1.5, "all")),
    *(("max_queue", value) for value in (0, -1, 1.5, "long")),
    *(("batch_size", value) for value in (0, -1, 1.5, True)),
    *(("cache", value) for value in (None, "yes", 5)),
    *(("policy", value) for value in ("everybody", 5)),
    *(("calibration", value) for value in ("missing.json",)),
    *(("timeout", value) for value in (1,)),
]


@pytest.mark.parametrize(("name", "value"), OF_LOADING)
def test_loading_refuses_a_value_before_any_weight_is_read(monkeypatch, name, value):
    monkeypatch.setattr(smolvlm, "load_weights", None)
    monkeypatch.setattr(loading, "load_backend", None)
    with pytest.raises(BadOptions) as caught:
        SmolVLM.load("embedded", **{name: value})
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("timeout", value) for value in (0, -1, NAN, INFINITE, "long")),
        *(("retries", value) for value in (-1, 21, 1.5, True)),
        *(("max_queue", value) for value in (0, 1.5)),
        *(("batch_size", value) for value in (0, 1.5)),
        ("base_url", "ftp://example.org"),
        ("api_key", "plain text"),
    ],
)
def test_a_server_is_not_asked_with_an_impossible_option(name, value):
    given = {"base_url": "http://127.0.0.1:9/v1", name: value}
    with pytest.raises(BadOptions):
        SmolVLM.load("served", backend="remote", **given)


def test_a_plan_checks_the_same_names():
    with pytest.raises(BadOptions, match="max_queue"):
        plan_model("embedded", max_queue=5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"), [("max_new_tokens", -1), ("temperature", -3), ("min_confidence", 7)]
)
@pytest.mark.parametrize(
    ("module", "kind"),
    [("langchain_smolvlm", "ChatSmolVLM"), ("llama_index.llms.smolvlm", "SmolVLMLLM")],
)
def test_an_adapter_refuses_a_value_where_it_is_made(module, kind, name, value):
    adapter = pytest.importorskip(module)
    with pytest.raises(BadOptions, match=name):
        getattr(adapter, kind)(**{name: value})
