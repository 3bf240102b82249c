"""The embedded checkpoint behind `transformers serve`: the same words as in this process."""

from __future__ import annotations

import json
import random
import sys
from typing import Literal

import pytest

from smolvlm_tools import ModelNotFound, SmolVLM
from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER
from smolvlm_tools.errors import ModelError, RemoteFailed
from smolvlm_tools.ingest import Wish, ingest
from tests.support.paths import RECEIPT, ROOT, SHAPES
from tests.support.transformers_server import (
    skip_where_it_is_not_installed,
    transformers_server,
)

pytestmark = pytest.mark.slow
NAME = str(EMBEDDED_FOLDER)
IMAGES = 8


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    skip_where_it_is_not_installed()
    log = tmp_path_factory.mktemp("server") / "log"
    with transformers_server(EMBEDDED_FOLDER, log) as address:
        yield address


@pytest.fixture
def remote(url):
    with SmolVLM.load(NAME, backend="remote", base_url=url, batch_size=2) as vlm:
        yield vlm


@pytest.fixture
def local(embedded):
    with SmolVLM.load(embedded, backend="torch", precision="fp32", resolution="native") as vlm:
        yield vlm


def pictures(count):
    """Scenes and print that the embedded checkpoint was not trained on."""
    sys.path.append(str(ROOT / "examples" / "embedded_model"))  # scripts, not a package
    try:
        import held_out
    finally:
        sys.path.pop()
    rng = random.Random(15)
    return [(held_out.printed if n % 2 else held_out.scene)(rng).image for n in range(count)]


def test_words_are_those_of_the_local_engine(remote, local):
    different = []
    for number, image in enumerate(pictures(IMAGES)):
        for task in ("describe", "transcribe", "ask"):
            question = ["What color is it?"] if task == "ask" else []
            here, there = (getattr(vlm, task)(image, *question) for vlm in (local, remote))
            assert here.image_sha256 == there.image_sha256
            same = (here.text, here.finish_reason) == (there.text, there.finish_reason)
            counts = [(r.usage.prompt_tokens, r.usage.completion_tokens) for r in (here, there)]
            if there.finish_reason == "repetition":  # broken off before the server tells its counts
                counts[1] = (counts[0][0], counts[1][1])
            if not same or counts[0] != counts[1]:
                different.append((number, task, here.text, there.text, counts))
    assert different == []


def test_what_this_server_cannot_tell_is_said(remote):
    red = remote.ask(SHAPES, "What color is the circle?", answer=Literal["red", "blue"])
    assert red.value == "red" and red.flags == ("no_logprobs", "not_enforced")
    assert red.probabilities is None and red.confidence == 0
    number = remote.ask(SHAPES, "How many shapes are there?", answer=int)
    assert number.value == 3
    with pytest.raises(RemoteFailed, match="top_k"):
        remote.describe(SHAPES, temperature=1.0, top_k=3)


def test_several_at_a_time_are_the_same_as_alone(remote):
    questions = {"a": "What is the total?", "b": "What is written at the top?"}
    together = remote.ask_many(RECEIPT, questions)
    alone = {name: remote.ask(RECEIPT, question) for name, question in questions.items()}
    assert {n: r.text for n, r in together.items()} == {n: r.text for n, r in alone.items()}


def test_chunks_come_one_by_one_and_giving_up_frees_the_server(remote):
    messages = [{"role": "user", "content": [{"type": "image", "image": SHAPES}]}]
    with remote.stream(messages) as stream:
        assert next(stream).result is None
    assert remote.ask(SHAPES, "What color is the circle?").text == "red"


def test_another_model_is_refused(url):
    with SmolVLM.load("another", backend="remote", base_url=url) as vlm:
        with pytest.raises(ModelError, match="another") as caught:
            vlm.ask(SHAPES, "What is it?")
    assert isinstance(caught.value, (RemoteFailed, ModelNotFound))


def test_records_of_a_remote_run_are_those_of_a_local_one(url, remote, local, tmp_path):
    """But for what names the engine, and what only a local one can count."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(pictures(IMAGES)):
        image.save(folder / f"{number}.png")
    wish = Wish(questions={"colour": "What color is it?"})

    def found(name, engine):
        ingest(folder, tmp_path / f"{name}.jsonl", engine=engine, wish=wish)
        lines = (tmp_path / f"{name}.jsonl").read_text().splitlines()
        records = {record["source"]: record for record in map(json.loads, lines)}
        return {
            source: [record[key] for key in SAME]
            + [{name: answer["text"] for name, answer in record["answers"].items()}]
            for source, record in records.items()
        }

    here = found("local", local)
    assert len(here) == IMAGES
    assert found("remote", remote) == here


SAME = ("source_sha256", "page", "pages", "text", "text_source", "image_sha256", "error")
