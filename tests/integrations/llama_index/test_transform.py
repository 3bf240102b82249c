"""`SmolVLMTransform` in LlamaIndex's ingestion pipeline: caching, errors, event loops."""

from __future__ import annotations

import asyncio
import base64
import pickle
from io import BytesIO

import pytest

pytest.importorskip("llama_index.core", reason="llama-index-core, the extra, is not installed")

from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import (
    Document,
    ImageDocument,
    ImageNode,
    MediaResource,
    TextNode,
    TransformComponent,
)
from llama_index.readers.smolvlm import (
    SmolVLMImageReader,
    SmolVLMTransform,
    held_images,
    with_image_sha256,
)

from smolvlm_tools import BadEncoding, BadOptions, ImageNotFound, UnsupportedFormat, UrlNotAllowed
from tests.support.gated import check_cancelling_frees_the_engine
from tests.support.llama_index_scenes import drawn, paged, picture
from tests.support.paths import SHAPES


def encoded(colour):
    buffer = BytesIO()
    drawn(colour).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue())


def documents(tmp_path, *colours, text=""):
    """Documents of image files, alike but for their pixels."""
    made = []
    for colour in colours:
        picture(tmp_path / f"{colour}.png", colour)
        resource = MediaResource(data=(tmp_path / f"{colour}.png").read_bytes())
        made.append(Document(text_resource=MediaResource(text=text), image_resource=resource))
    return made


@pytest.fixture(scope="module")
def see(embedded):
    made = SmolVLMTransform(model=embedded, mode="caption")
    yield made
    made.close()


def test_it_is_a_transform_by_its_base_classes():
    names = [base.__name__ for base in SmolVLMTransform.__mro__]
    assert {"TransformComponent", "BaseComponent"} <= set(names)
    assert issubclass(SmolVLMTransform, TransformComponent)


@pytest.mark.parametrize(
    "node",
    [
        ImageNode(image=encoded("red").decode()),
        ImageNode(image_path=str(SHAPES)),
        ImageNode(image_url="data:image/png;base64," + encoded("red").decode()),
        ImageDocument(image=encoded("red")),
        ImageDocument(image_path=str(SHAPES)),
        Document(image_resource=MediaResource(data=encoded("red"))),
        Document(image_resource=MediaResource(path=SHAPES)),
    ],
    ids=lambda node: type(node).__name__,
)
def test_every_kind_of_image_node_is_captioned(see, node):
    (marked,) = with_image_sha256([node])
    (told,) = see([marked])
    assert "red circle" in told.get_content()
    assert told.node_id == node.node_id and type(told) is type(node)
    assert told.metadata["smolvlm_model"] == "smolvlm-embedded"
    assert node.get_content() == "" and node.metadata == {}  # the one that came is untouched


def test_a_nodes_own_text_is_kept(see, tmp_path):
    (told,) = see(with_image_sha256(documents(tmp_path, "red", text="Figure 1.")))
    own, caption = told.text.split("\n\n")
    assert own == "Figure 1." and "red circle" in caption


def test_nodes_without_an_image_pass(counting):
    backend, vlm = counting
    nodes = [TextNode(text="words"), Document(text="more words")]
    assert SmolVLMTransform(engine=vlm, mode="caption")(nodes) == nodes
    assert backend.forwards == 0


def test_the_second_run_of_a_pipeline_does_no_model_work(counting, tmp_path):
    backend, vlm = counting
    picture(tmp_path / "a.png")
    paged(tmp_path / "b.tiff", ["red", "blue"])
    reader = SmolVLMImageReader(mode="none")
    pipeline = IngestionPipeline(
        transformations=[SmolVLMTransform(engine=vlm, mode="both"), SentenceSplitter()]
    )

    def run():
        files = [tmp_path / "a.png", tmp_path / "b.tiff"]
        return pipeline.run(documents=[d for file in files for d in reader.load_data(file)])

    first, prefills, steps = run(), backend.prefills, backend.forwards
    assert prefills == 6 and [node.text for node in first] == ["a shape\n\na shape"] * 3
    second = run()
    assert (backend.prefills, backend.forwards) == (prefills, steps)
    assert [node.text for node in second] == [node.text for node in first]


def test_a_stored_cache_serves_another_process(counting, tmp_path):
    backend, vlm = counting
    see = SmolVLMTransform(engine=vlm, mode="caption")
    picture(tmp_path / "a.png")
    first = IngestionPipeline(transformations=[see])
    first.run(documents=SmolVLMImageReader(mode="none").load_data(tmp_path / "a.png"))
    first.persist(str(tmp_path / "stored"))
    second = IngestionPipeline(transformations=[SmolVLMTransform(engine=vlm, mode="caption")])
    second.load(str(tmp_path / "stored"))
    steps = backend.forwards
    documents = SmolVLMImageReader(mode="none").load_data(tmp_path / "a.png")
    assert second.run(documents=documents)[0].text == "a shape"
    assert backend.forwards == steps


def test_two_images_with_the_same_text_never_share_an_entry(see, tmp_path):
    pipeline = IngestionPipeline(transformations=[see])
    red, blue = with_image_sha256(documents(tmp_path, "red", "blue", text="the same"))
    assert "red" in pipeline.run(nodes=[red])[0].text
    assert "blue" in pipeline.run(nodes=[blue])[0].text


@pytest.mark.parametrize("text", ["", "the same"])
def test_an_image_that_a_cache_could_not_tell_apart_is_refused(counting, tmp_path, text):
    _, vlm = counting
    red, _ = documents(tmp_path, "red", "blue", text=text)
    with pytest.raises(BadOptions, match="with_image_sha256"):
        IngestionPipeline(transformations=[SmolVLMTransform(engine=vlm)]).run(documents=[red])


def test_a_digest_that_the_pipeline_does_not_see_is_refused(counting):
    _, vlm = counting
    node = Document(
        image_resource=MediaResource(path=SHAPES), metadata={"image_sha256": "0" * 64}
    )  # without a text LlamaIndex leaves the metadata out of its key
    with pytest.raises(BadOptions):
        SmolVLMTransform(engine=vlm)([node])


def test_without_digests_a_pipeline_finds_nothing_in_its_cache(embedded, tmp_path):
    see = SmolVLMTransform(model=embedded, mode="caption", need_sha256=False)
    pipeline = IngestionPipeline(transformations=[see])
    for colour, document in zip(
        ("red", "blue"), documents(tmp_path, "red", "blue", text="the same"), strict=True
    ):
        assert colour in pipeline.run(documents=[document])[0].text
    assert SmolVLMTransform.from_dict(see.to_dict()).need_sha256 is False


@pytest.mark.parametrize(
    "other",
    [
        {"mode": "transcription"},
        {"detail": "brief"},
        {"mode": "question", "question": "What color is the circle?"},
        {"options": {"max_new_tokens": 3}},
        {"model": "256m"},
        {"load_options": {"precision": "fp32"}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_prompt_option_or_model_is_another_entry(embedded, other):
    fields = {"model": embedded, "mode": "caption"}
    assert str(SmolVLMTransform(**fields).to_dict()) != str(
        SmolVLMTransform(**{**fields, **other}).to_dict()
    )
    assert SmolVLMTransform(**fields).to_dict() == SmolVLMTransform(**fields).to_dict()


def test_the_wording_of_the_prompt_is_part_of_the_key(embedded):
    asked = SmolVLMTransform(model=embedded, mode="question", question="Is it red?").to_dict()
    assert asked["prompts"] == {"answer": "Is it red?"}


def test_a_file_that_was_changed_meanwhile_is_an_error(see, tmp_path):
    picture(tmp_path / "a.png", "red")
    loaded = SmolVLMImageReader(mode="none").load_data(tmp_path / "a.png")
    picture(tmp_path / "a.png", "blue")
    with pytest.raises(BadOptions, match="changed"):
        see(loaded)


def test_what_is_wrong_with_an_image_is_raised_or_recorded(counting, tmp_path):
    _, vlm = counting
    good, bad = with_image_sha256(documents(tmp_path, "red", "blue"))
    broken = bad.image_resource.model_copy(update={"data": base64.b64encode(b"no image")})
    bad = bad.model_copy(update={"image_resource": broken})
    gone = good.model_copy(update={"image_resource": MediaResource()})
    for node, error in ((bad, UnsupportedFormat), (gone, ImageNotFound)):
        with pytest.raises(error):
            SmolVLMTransform(engine=vlm, mode="caption")([good, node])
    record = SmolVLMTransform(engine=vlm, mode="caption", on_error="record")
    told = record([bad, good, gone])
    assert [node.text for node in told] == ["", "a shape", ""]
    assert told[0].metadata["smolvlm_error"] and told[2].metadata["smolvlm_error"]
    assert "smolvlm_error" not in told[1].metadata


def test_base64_of_many_pieces_is_what_one_piece_would_be():
    data = bytes(range(256)) * 12_000  # 3 MB
    held = held_images.resource(data, "image/png")
    assert held.data == base64.b64encode(data) and held.mimetype == "image/png"
    assert held == MediaResource(data=held.data, mimetype="image/png")
    assert held_images.decode(held.data) == held_images.decode(held.data.decode()) == data
    for bad in (b"no base64!", "é", "abc"):
        with pytest.raises(BadEncoding):
            held_images.decode(bad)


def test_urls_in_nodes_lead_to_no_files(see):
    node = ImageNode(image_url=f"file://{SHAPES}", metadata={"image_sha256": "0" * 64})
    with pytest.raises(UrlNotAllowed):
        see([node])


def test_mode_none_has_nothing_to_do():
    with pytest.raises(BadOptions):
        SmolVLMTransform(mode="none")


def test_the_loop_gets_the_same_nodes_and_the_same_cache(counting, tmp_path):
    backend, vlm = counting
    nodes = with_image_sha256(documents(tmp_path, "red", "blue"))
    pipeline = IngestionPipeline(transformations=[SmolVLMTransform(engine=vlm, mode="caption")])
    there = asyncio.run(pipeline.arun(nodes=nodes))
    steps = backend.forwards
    here = pipeline.run(nodes=nodes)
    assert [n.text for n in there] == [n.text for n in here] == ["a shape"] * 2
    assert backend.forwards == steps


def test_the_loop_is_free_while_the_model_works_and_leaving_stops_it(talking, tmp_path):
    backend, vlm = talking
    nodes = with_image_sha256(documents(tmp_path, "red", "blue"))

    check_cancelling_frees_the_engine(
        backend, vlm, lambda: SmolVLMTransform(engine=vlm).acall(nodes)
    )


def test_it_survives_pickling_and_dicts(see, tmp_path):
    nodes = with_image_sha256(documents(tmp_path, "red"))
    expected = see(nodes)[0].text
    for copy in (
        pickle.loads(pickle.dumps(see)),
        SmolVLMTransform.from_dict(see.to_dict()),
        SmolVLMTransform.from_json(see.to_json()),
    ):
        assert copy.to_dict() == see.to_dict()
        assert copy(nodes)[0].text == expected


def test_a_reader_and_a_transform_agree_on_the_digest(counting, tmp_path):
    _, vlm = counting
    paged(tmp_path / "scan.tiff", ["red", "blue"])
    pages = SmolVLMImageReader(mode="none").load_data(tmp_path / "scan.tiff")
    assert [d.metadata["image_sha256"] for d in with_image_sha256(pages)] == [
        d.metadata["image_sha256"] for d in pages
    ]
    assert all(d.text == "a shape" for d in SmolVLMTransform(engine=vlm, mode="caption")(pages))
