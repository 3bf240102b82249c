"""`SmolVLMImageReader`: files of every kind, folders, file systems, errors, event loops."""

from __future__ import annotations

import asyncio
import json
import pickle
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

import fsspec
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import MetadataMode
from llama_index.readers.smolvlm import IMAGE_SUFFIXES, EngineMissing, SmolVLMImageReader

from smolvlm_tools import (
    BadOptions,
    CorruptImage,
    ImageNotFound,
    ImagePolicy,
    ModelError,
    PathNotAllowed,
    SmolVLM,
    SmolVLMError,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from tests.support.gated import check_cancelling_frees_the_engine
from tests.support.llama_index_scenes import paged, picture
from tests.support.paths import SHAPES

pytest_plugins = ["tests.support.llama_index_fixtures"]
RED_CIRCLE = "red circle"

pdf_only = pytest.mark.skipif(
    find_spec("pypdfium2") is None, reason="pypdfium2, the extra `pdf`, is not installed"
)


@pytest.fixture(scope="module")
def reader(embedded):
    made = SmolVLMImageReader(model=embedded, mode="caption")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path):
    """Twelve mixed files: good, nested, oddly named, of many pages, broken."""
    top = tmp_path / "scans"
    for name in ("a.png", "b.PNG", "c.jpg", "d.JPEG", "e.webp", "f.gif", "g.bmp", "deep/er/h.png"):
        picture(top / name)
    paged(top / "i.tiff", ["red", "blue"])
    paged(top / "j.pdf", ["red", "green", "blue"])
    (top / "broken.png").write_bytes(SHAPES.read_bytes()[:200])
    (top / "deep" / "empty.jpg").write_bytes(b"")
    return top


def of_folder(folder, reader, **options):
    return SimpleDirectoryReader(
        folder, recursive=True, file_extractor=reader.file_extractor(), **options
    )


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


def test_pages_of_a_document_are_documents_with_their_image(tmp_path, reader):
    paged(tmp_path / "scan.tiff", ["red", "blue"])
    one, two = reader.load_data(tmp_path / "scan.tiff")
    assert "red" in one.text and "blue" in two.text
    assert [page.metadata["page_label"] for page in (one, two)] == ["1", "2"]
    assert one.image_resource.data and one.image_resource.mimetype == "image/png"
    bare = SmolVLMImageReader(mode="none", keep_image=False)
    assert [page.image_resource for page in bare.load_data(tmp_path / "scan.tiff")] == [None] * 2


@pdf_only
def test_pages_of_a_pdf_file_are_documents(tmp_path, reader):
    paged(tmp_path / "scan.pdf", ["red", "blue"])
    one, two = reader.load_data(tmp_path / "scan.pdf")
    assert "red" in one.text and "blue" in two.text
    assert one.image_resource.data and one.metadata["pages"] == 2


@pdf_only
def test_a_folder_of_mixed_files_loses_only_what_it_names(folder, reader, capsys):
    documents = of_folder(folder, reader).load_data()
    files = [Path(document.metadata["file_path"]).name for document in documents]
    assert sorted(set(files)) == sorted(
        "a.png b.PNG c.jpg d.JPEG e.webp f.gif g.bmp h.png i.tiff j.pdf".split()
    )
    assert (files.count("i.tiff"), files.count("j.pdf"), len(files)) == (2, 3, 13)
    printed = capsys.readouterr().out
    assert "broken.png" in printed and "empty.jpg" in printed and printed.count("Skipping") == 2
    assert all("red" in d.text for d in documents if d.metadata["page_label"] == "1")


@pdf_only
def test_a_folder_with_a_broken_file_raises_if_told_to(folder, reader):
    with pytest.raises(Exception, match="Error loading file") as caught:
        of_folder(folder, reader, raise_on_error=True).load_data()
    assert isinstance(caught.value.__cause__, CorruptImage)


@pdf_only
@pytest.mark.parametrize("raise_on_error", [True, False])
def test_recorded_errors_are_documents_that_say_so(folder, embedded, raise_on_error):
    reader = SmolVLMImageReader(model=embedded, mode="caption", on_error="record")
    documents = of_folder(folder, reader, raise_on_error=raise_on_error).load_data()
    assert len({document.metadata["file_path"] for document in documents}) == 12
    bad = [document for document in documents if "smolvlm_error" in document.metadata]
    assert [Path(document.metadata["file_path"]).name for document in bad] == [
        "broken.png",
        "empty.jpg",
    ]
    assert all(d.metadata["smolvlm_error"] == "corrupt_image" and d.text == "" for d in bad)
    assert all(d.metadata["smolvlm_error_reason"] for d in bad)


def test_a_broken_page_costs_the_others_nothing(tmp_path, counting):
    _, vlm = counting
    paged(tmp_path / "scan.tiff", ["red", "green", "blue"], compression="tiff_deflate")
    data = bytearray((tmp_path / "scan.tiff").read_bytes())
    starts = [n for n in range(len(data)) if data[n : n + 2] == b"\x78\x9c"]
    middle = starts[len(starts) // 2]  # of the second of three equal pages
    data[middle : middle + 8] = bytes(8)
    (tmp_path / "scan.tiff").write_bytes(data)
    with pytest.raises(CorruptImage):
        SmolVLMImageReader(engine=vlm).load_data(tmp_path / "scan.tiff")
    record = SmolVLMImageReader(engine=vlm, on_error="record")
    documents = record.load_data(tmp_path / "scan.tiff")
    assert [document.metadata.get("smolvlm_error") for document in documents] == [
        None,
        "corrupt_image",
        None,
    ]
    assert [document.metadata["page_label"] for document in documents] == ["1", "2", "3"]


def test_a_folder_without_a_model_is_an_error_and_not_an_empty_list(tmp_path):
    picture(tmp_path / "a.png")
    reader = SmolVLMImageReader(model=str(tmp_path / "no model"))
    with pytest.raises(ImportError, match="no model"):
        of_folder(tmp_path, reader).load_data()
    with pytest.raises(EngineMissing) as caught:
        reader.load_data(tmp_path / "a.png")
    assert isinstance(caught.value, ModelError) and caught.value.__cause__ is not None
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.skipif(find_spec("pypdfium2") is not None, reason="pypdfium2 is installed")
def test_a_pdf_file_without_pypdfium2_is_an_error_and_not_skipped(tmp_path):
    paged(tmp_path / "a.pdf", ["red"])
    with pytest.raises(ImportError, match="pypdfium2"):
        of_folder(tmp_path, SmolVLMImageReader(mode="none")).load_data()


def test_every_suffix_is_written_as_the_directory_reader_looks_it_up(reader):
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in IMAGE_SUFFIXES)
    assert all(other is reader for other in reader.file_extractor().values())


def test_files_of_another_file_system_are_read(reader):
    fs = fsspec.filesystem("memory")
    fs.makedirs("/bucket/deep", exist_ok=True)
    for name in ("a.png", "deep/b.PNG"):
        fs.pipe(f"/bucket/{name}", SHAPES.read_bytes())
    (document,) = reader.load_data("/bucket/a.png", fs=fs)
    assert RED_CIRCLE in document.text and document.image_resource.data
    documents = of_folder("/bucket", reader, fs=fs, raise_on_error=True).load_data()
    assert len(documents) == 2 and all(RED_CIRCLE in each.text for each in documents)
    with pytest.raises(ImageNotFound, match="nothing"):
        reader.load_data("/bucket/nothing.png", fs=fs)


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
