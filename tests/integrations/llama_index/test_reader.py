"""`SmolVLMImageReader`: files of every kind, folders, file systems, errors, event loops."""

from __future__ import annotations

import asyncio
import json
import pickle

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

import fsspec
from llama_index.core.schema import MetadataMode
from llama_index.readers.smolvlm import EngineMissing, SmolVLMImageReader

from smolvlm_tools import (
    BadOptions,
    ImagePolicy,
    PathNotAllowed,
    SmolVLM,
    SmolVLMError,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from tests.support.gated import check_cancelling_frees_the_engine
from tests.support.llama_index_folders import RED_CIRCLE, of_folder
from tests.support.llama_index_scenes import paged, picture
from tests.support.paths import SHAPES


def test_it_is_a_reader_by_its_base_classes():
    names = [base.__name__ for base in SmolVLMImageReader.__mro__]
    assert {"BasePydanticReader", "BaseReader", "BaseComponent"} <= set(names)


def test_an_image_becomes_one_document_with_text_image_and_what_is_known(reader):
    (document,) = reader.load_data(SHAPES, extra_info={"owner": "me"})
    assert RED_CIRCLE in document.text
    assert document.image_resource.path == SHAPES
    assert document.image_resource.mimetype == "image/png"
    about = document.metadata
    assert about["owner"] == "me" and about["page_label"] == "1" and about["pages"] == 1
    assert about["smolvlm_model"] == "smolvlm-embedded"
    assert about["caption_finish_reason"] == "stop" and 0 < about["caption_confidence"] <= 1
    assert about["caption_image_tokens"] > 0
    assert all(isinstance(value, (str, int, float)) for value in about.values())


def test_what_is_noise_stays_out_of_embeddings_and_prompts(reader):
    (document,) = reader.load_data(SHAPES, extra_info={"owner": "me"})
    embedded = document.get_content(MetadataMode.EMBED)
    prompt = document.get_content(MetadataMode.LLM)
    assert embedded == f"owner: me\n\n{document.text}"
    assert "page_label: 1" in prompt and "sha256" not in prompt and "confidence" not in prompt
    assert document.metadata["image_sha256"] in document.get_content(MetadataMode.ALL)


def test_the_metadata_are_the_same_in_every_run(reader):
    (first,), (second,) = reader.load_data(SHAPES), reader.load_data(SHAPES)
    assert first.metadata == second.metadata and first.hash == second.hash


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("caption", ["caption"]),
        ("transcription", ["transcription"]),
        ("both", ["caption", "transcription"]),
    ],
)
def test_modes_say_what_is_looked_for(counting, mode, said):
    _, vlm = counting
    (document,) = SmolVLMImageReader(engine=vlm, mode=mode).load_data(SHAPES)
    assert document.text == "\n\n".join(["a shape"] * len(said))
    reasons = [key for key in document.metadata if key.endswith("finish_reason")]
    assert reasons == [f"{look}_finish_reason" for look in said]


def test_a_question_is_answered(embedded):
    reader = SmolVLMImageReader(
        model=embedded, mode="question", question="What color is the circle?"
    )
    (document,) = reader.load_data(SHAPES)
    assert document.text == "red" and document.metadata["answer_finish_reason"] == "stop"


@pytest.mark.parametrize("fields", [{"mode": "question"}, {"mode": "caption", "question": "Why?"}])
def test_a_question_and_its_mode_come_together(fields):
    with pytest.raises(BadOptions):
        SmolVLMImageReader(**fields)


def test_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="detial"):
        SmolVLMImageReader(detial="brief")


def test_options_reach_the_engine(counting):
    _, vlm = counting
    reader = SmolVLMImageReader(engine=vlm, mode="caption", options={"max_new_tokens": 1})
    (document,) = reader.load_data(SHAPES)
    assert document.metadata["caption_flags"] == "truncated"
    with pytest.raises(BadOptions, match="max_new_token"):
        SmolVLMImageReader(engine=vlm, options={"max_new_token": 1}).load_data(SHAPES)


def test_mode_none_loads_without_a_model(tmp_path):
    reader = SmolVLMImageReader(model=str(tmp_path / "no model"), mode="none")
    (document,) = reader.load_data(SHAPES)
    assert document.text == "" and len(document.metadata["image_sha256"]) == 64


def test_the_policy_holds_for_every_way_in(tmp_path, counting):
    _, vlm = counting
    elsewhere = ImagePolicy(allowed_roots=(tmp_path,), max_bytes=100)
    reader = SmolVLMImageReader(engine=vlm, policy=elsewhere)
    with pytest.raises(PathNotAllowed):
        reader.load_data(SHAPES)
    fs = fsspec.filesystem("memory")
    fs.pipe("/big.png", SHAPES.read_bytes())
    with pytest.raises(SmolVLMError, match="limit is 100 bytes"):
        reader.load_data("/big.png", fs=fs)


def test_pages_come_as_they_are_asked_for(tmp_path, counting):
    backend, vlm = counting
    paged(tmp_path / "scan.tiff", ["red", "green", "blue"])
    reader = SmolVLMImageReader(engine=vlm, mode="caption", at_once=1)
    documents = reader.lazy_load_data(tmp_path / "scan.tiff")
    assert backend.prefills == 0
    assert next(documents).metadata["page_label"] == "1"
    assert backend.prefills == 1
    documents.close()


def test_the_loop_gets_the_same_documents(tmp_path, reader):
    paged(tmp_path / "scan.tiff", ["red", "blue"])

    async def load():
        one_by_one = [d async for d in reader.alazy_load_data(tmp_path / "scan.tiff")]
        awaited = await reader.alazy_load_data(tmp_path / "scan.tiff")
        return one_by_one, awaited, await reader.aload_data(tmp_path / "scan.tiff")

    here = reader.load_data(tmp_path / "scan.tiff")
    for there in asyncio.run(load()):
        assert [(d.text, d.metadata) for d in there] == [(d.text, d.metadata) for d in here]


def test_the_loop_is_free_while_a_page_is_looked_at(talking):
    backend, vlm = talking
    reader = SmolVLMImageReader(engine=vlm, mode="caption", options={"max_new_tokens": 3})

    async def load():
        task = asyncio.create_task(reader.aload_data(SHAPES))
        await asyncio.to_thread(backend.wait_for)
        assert not task.done()  # the model waits for its gate, and the loop goes on
        backend.open()
        return await task

    (document,) = asyncio.run(load())
    assert document.metadata["caption_completion_tokens"] == 3


def test_cancelling_the_task_stops_the_engine_within_two_steps(talking):
    backend, vlm = talking
    reader = SmolVLMImageReader(engine=vlm)

    check_cancelling_frees_the_engine(backend, vlm, lambda: reader.aload_data(SHAPES))


def test_more_files_at_once_than_the_queue_holds_are_all_read(tmp_path, embedded):
    for n in range(20):
        picture(tmp_path / f"{n:02}.png", colour=(n * 10, 0, 0))
    checkpoint = open_checkpoint(embedded)
    backend = FakeBackend.saying(checkpoint, " a shape")
    with SmolVLM(checkpoint, backend, max_queue=2, batch_size=2) as vlm:
        reader = SmolVLMImageReader(engine=vlm)
        documents = asyncio.run(of_folder(tmp_path, reader).aload_data())
    assert len(documents) == 20 and all(d.text == "a shape\n\na shape" for d in documents)


def test_it_survives_pickling_and_dicts(embedded):
    reader = SmolVLMImageReader(
        model=embedded,
        mode="question",
        question="What color is the circle?",
        policy=ImagePolicy(allowed_roots=(SHAPES.parent,)),
        options={"max_new_tokens": 5},
    )
    reader.load_data(SHAPES)  # with an engine behind it
    for copy in (
        pickle.loads(pickle.dumps(reader)),
        SmolVLMImageReader.from_dict(reader.to_dict()),
        SmolVLMImageReader.from_json(reader.to_json()),
        reader.model_copy(),
    ):
        assert copy.to_dict() == reader.to_dict() and copy.policy == reader.policy
        assert copy.load_data(SHAPES)[0].text == "red"
    assert json.loads(reader.to_json())["class_name"] == "SmolVLMImageReader"


def test_a_given_engine_is_never_replaced_by_another_one(counting):
    _, vlm = counting
    reader = SmolVLMImageReader(engine=vlm)
    with pytest.raises(BadOptions):
        SmolVLMImageReader(engine=vlm, model="256m")
    with pytest.raises(EngineMissing):
        SmolVLMImageReader.from_dict(reader.to_dict()).load_data(SHAPES)
