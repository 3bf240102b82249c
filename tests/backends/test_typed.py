"""Typed answers on every local backend, of random weights that want to say something else."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.constraints import choices, regex
from tests.support.answer_types import COLOURS, Scene


@pytest.fixture(scope="module", params=["onnx", "torch", "openvino", "growing"])
def random_engine(request, tiny_a, tmp_path_factory):
    """Random weights on every local backend."""
    if request.param == "torch":
        engine = SmolVLM.load(tiny_a, backend="torch", precision="fp32", device="cpu")
    else:
        from smolvlm_tools.export import export_checkpoint

        out = tmp_path_factory.mktemp(request.param)
        export_checkpoint(tiny_a, out, ["fp32"], fused=request.param != "growing")
        backend = "onnx" if request.param == "growing" else request.param
        engine = SmolVLM.load(out, backend=backend, precision="fp32")
    with engine:
        yield engine


@pytest.mark.parametrize(
    "answer", [bool, int, float, datetime.date, COLOURS, list[str], Scene, regex("[xyz]{4,8}")]
)
@pytest.mark.parametrize("limit", [1, 5, 40])
def test_random_weights_give_valid_answers_on_every_backend(random_engine, answer, limit):
    image = Image.fromarray(np.random.default_rng(3).integers(0, 255, (40, 50, 3), np.uint8))
    asked = {"answer": answer, "max_new_tokens": limit, "on_incomplete": "complete"}
    result = random_engine.ask(image, "Say it", **asked)
    kinds = {bool: bool, int: int, float: float, datetime.date: datetime.date, Scene: Scene}
    assert isinstance(result.value, kinds.get(answer, (str, list)))
    assert result.text and 0 <= result.confidence <= 1


def test_the_backends_agree_on_the_probabilities_of_options(random_engine, tiny_a):
    options = choices(["cat", "catalog", "a cat", "a dog", "dog house", "dog"])
    with SmolVLM.load(tiny_a, backend="torch", precision="fp32", device="cpu") as reference:
        hello = [{"role": "user", "content": "hello"}]
        expected = reference.generate(hello, answer=options).probabilities
        found = random_engine.generate(hello, answer=options)
        assert found.probabilities == pytest.approx(expected, rel=2e-3)
        free = random_engine.generate(hello, max_new_tokens=6, ignore_eos=True, logprobs=True)
        again = reference.generate(hello, max_new_tokens=6, ignore_eos=True, logprobs=True)
        assert [t.id for t in free.tokens] == [t.id for t in again.tokens], "the cache is as before"


class Table(FakeBackend):
    """Logits that depend on all tokens since the prompt; counts its forward passes."""

    def __init__(self, config):
        super().__init__(config, [5])
        self.passes = 0

    def create_cache(self, capacity):
        cache = super().create_cache(capacity)
        self.said = []
        return cache

    def forward(self, token_ids, cache, features=()):
        self.passes += 1
        if cache.prompt is None:
            cache.prompt = cache.length + len(token_ids)
        elif len(token_ids) == 1:
            self.said.append(int(token_ids[0]))
        cache.length += len(token_ids)
        return self.logits(tuple(self.said))

    def truncate_cache(self, cache, length):
        super().truncate_cache(cache, length)
        del self.said[length - cache.prompt :]

    def logits(self, said):
        seed = abs(hash(said)) % 2**32
        size = self._config.text.vocab_size
        return np.random.default_rng(seed).normal(size=size).astype(np.float32)


def test_an_option_has_the_product_of_its_tokens_and_every_prefix_one_pass(embedded):
    from smolvlm_tools.prompt.chat import encode_text

    checkpoint = open_checkpoint(embedded)
    backend = Table(checkpoint.config)
    texts = ["RED", "BLUE", "BLACK", "BLUE CAR"]
    with SmolVLM(checkpoint, backend, cache=False) as vlm:
        result = vlm.generate([{"role": "user", "content": "?"}], answer=choices(texts))
    tokenizer = checkpoint.tokenizer()
    spellings = {text: {text, text.lower(), text[:1] + text[1:]} for text in texts}
    paths = {
        text: [tuple(encode_text(tokenizer, f" {spelling}")) for spelling in spelled]
        for text, spelled in spellings.items()
    }
    every = [path for spelled in paths.values() for path in spelled]
    prefixes = {path[:n] for path in every for n in range(len(path))}
    longer = {path: {p[len(path)] for p in every if p[: len(path)] == path != p} for path in every}

    def probability(path):
        product = 1.0
        for n, token in enumerate(path):
            product *= softmax(backend.logits(path[:n]))[token]
        if longer[path]:
            product *= 1 - sum(softmax(backend.logits(path))[token] for token in longer[path])
        return product

    scores = {text: sum(map(probability, spelled)) for text, spelled in paths.items()}
    total = sum(scores.values())
    assert result.probabilities == pytest.approx({t: s / total for t, s in scores.items()})
    inner = prefixes | {path for path in every if longer[path]}
    assert backend.passes == len(inner), "the root's is the prompt's own"


def softmax(logits):
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return weights / weights.sum()


def _of_one(rule: dict[str, object]) -> dict[str, object]:
    number = {"type": "integer", "minimum": 1000, "maximum": 9999, **rule}
    return {"type": "object", "properties": {"n": number}, "required": ["n"]}


def test_an_answer_that_the_check_refuses_is_made_once_more(random_engine):
    hello = [{"role": "user", "content": "hello"}]
    first = random_engine.generate(hello, answer=_of_one({}), logprobs=True)
    other = _of_one({"not": {"const": first.value["n"]}})
    chunks = list(random_engine.stream(hello, answer=other, logprobs=True))
    second = chunks[-1].result
    assert second.value["n"] != first.value["n"] and not second.flags
    assert "".join(chunk.text for chunk in chunks) == second.text == f'{{"n": {second.value["n"]}}}'
    assert [chunk.token_id for chunk in chunks] == [token.id for token in second.tokens]
    assert second.usage.completion_tokens > len(second.tokens)
    pairs = zip(first.tokens, second.tokens, strict=False)
    before, after = next(pair for pair in pairs if pair[0].id != pair[1].id)
    assert after.logprob < before.logprob
    again = random_engine.generate(hello, answer=_of_one({}), logprobs=True)
    said = [token.id for token in first.tokens]
    assert [token.id for token in again.tokens] == said, "the cache is as before"


def test_an_answer_that_the_check_refuses_twice_is_not_handed_out(random_engine):
    hello = [{"role": "user", "content": "hello"}]
    result = random_engine.generate(hello, answer=_of_one({"not": {"minimum": 1}}))
    assert (result.value, result.abstained, result.incomplete) == (None, True, "rejected")
    assert result.flags == ("rejected",) and result.text.startswith('{"n": ')
