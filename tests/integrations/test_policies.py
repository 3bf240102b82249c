"""What others name in messages is read under "agent", whoever has loaded the engine.

What a developer names to a loader or reader is trusted, and still decoded in a child process.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from typing import Any

import httpcore2
import pytest
from PIL import Image

from smolvlm_tools import (
    BadOptions,
    ImagePolicy,
    PathNotAllowed,
    SharedEngine,
    SmolVLM,
    UrlNotAllowed,
)
from smolvlm_tools.images import container
from tests.support.listening import listening
from tests.support.paths import SHAPES

QUESTION = "What color is the circle?"
LINK_LOCAL = "http://169.254.169.254/latest/meta-data/"
SURFACES: dict[str, Any] = {}


def surface(needs):
    def keep(made):
        SURFACES[made.__name__] = pytest.param(
            made, id=made.__name__, marks=pytest.mark.skipif(not _is_there(needs), reason=needs)
        )
        return made

    return keep


def _is_there(package):
    from importlib.util import find_spec

    return find_spec(package.partition(".")[0]) is not None


@dataclass
class Named:
    """An image as a message names it."""

    path: str | None = None
    url: str | None = None


@surface("langchain_core")
class LangChain:
    ways = ("invoke", "ainvoke", "stream", "astream", "batch", "bound")

    def __init__(self, **fields):
        from langchain_smolvlm import ChatSmolVLM

        self.model = ChatSmolVLM(**fields)

    def ask(self, way, image, **options):
        from langchain_core.messages import HumanMessage

        block = (
            {"type": "image", "path": image.path}
            if image.path
            else {"type": "image_url", "image_url": {"url": image.url}}
        )
        messages = [HumanMessage([block, {"type": "text", "text": QUESTION}])]
        chat = self.model

        async def astream():
            return [chunk async for chunk in chat.astream(messages, **options)]

        if way == "invoke":
            return chat.invoke(messages, **options).text
        if way == "ainvoke":
            return asyncio.run(chat.ainvoke(messages, **options)).text
        if way == "batch":
            return chat.batch([messages], **options)[0].text
        if way == "bound":
            return chat.bind(**options).invoke(messages).text
        chunks = asyncio.run(astream()) if way == "astream" else chat.stream(messages, **options)
        return "".join(chunk.text for chunk in chunks)


@surface("llama_index.core")
class LlamaIndex:
    ways = ("chat", "achat", "stream_chat", "astream_chat")

    def __init__(self, **fields):
        from llama_index.llms.smolvlm import SmolVLMLLM

        self.model = SmolVLMLLM(**fields)

    def ask(self, way, image, **options):
        from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock

        block = ImageBlock(path=image.path) if image.path else ImageBlock(url=image.url)
        messages = [ChatMessage(blocks=[block, TextBlock(text=QUESTION)])]
        llm = self.model

        async def astream():
            return [each async for each in await llm.astream_chat(messages, **options)]

        if way == "chat":
            return llm.chat(messages, **options).message.content
        if way == "achat":
            return asyncio.run(llm.achat(messages, **options)).message.content
        if way == "stream_chat":
            return list(llm.stream_chat(messages, **options))[-1].message.content
        return asyncio.run(astream())[-1].message.content


WAYS = [
    pytest.param(*kept.values, way, id=f"{name}-{way}", marks=kept.marks)
    for name, kept in SURFACES.items()
    for way in kept.values[0].ways
]


@pytest.fixture
def site():
    with listening() as site:
        yield site


@pytest.fixture
def connections(monkeypatch):
    """What the loader of images connects to."""
    made, connect = [], httpcore2.SyncBackend.connect_tcp

    def connect_tcp(self, host, port, *rest):
        made.append((host, port))
        return connect(self, host, port, *rest)

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect_tcp)
    return made


@pytest.fixture
def isolated(monkeypatch):
    """Names of the images that are decoded in a child process."""
    names, real = [], container.IsolatedImage

    def opened(encoded, policy):
        names.append(encoded.name)
        return real(encoded, policy)

    monkeypatch.setattr(container, "IsolatedImage", opened)
    return names


@pytest.fixture(scope="module")
def trusted_engine(embedded):
    """An engine that a person has loaded for their own images."""
    with SmolVLM.load(embedded) as vlm:
        yield vlm


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """An image beside the working directory, which has another one."""
    (tmp_path / "work").mkdir()
    shutil.copy(SHAPES, tmp_path / "outside.png")
    shutil.copy(SHAPES, tmp_path / "work" / "inside.png")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "outside.png"


def refused(model, way, site, outside):
    for url in (site.url, "http://127.0.0.1/a.png", "http://localhost/", LINK_LOCAL):
        with pytest.raises(UrlNotAllowed) as caught:
            model.ask(way, Named(url=url))
        assert 'policy="trusted"' in caught.value.remedy
    for path in (str(outside), "../outside.png", "/proc/self/environ"):
        with pytest.raises(PathNotAllowed) as caught:
            model.ask(way, Named(path=path))
        assert "policy=ImagePolicy.agent(roots=[" in caught.value.remedy


@pytest.mark.parametrize(("made", "way"), WAYS)
def test_messages_lead_to_no_private_address_and_no_file_elsewhere(
    made, way, embedded, site, outside, connections
):
    refused(made(model=embedded), way, site, outside)
    assert site.connections == connections == []


@pytest.mark.parametrize(("made", "way"), WAYS)
def test_nor_through_an_engine_that_trusts_its_owner(
    made, way, trusted_engine, site, outside, connections
):
    refused(made(engine=trusted_engine), way, site, outside)
    assert site.connections == connections == []


@pytest.mark.parametrize("given", [{}, {"policy": "agent"}, {"policy": ImagePolicy.agent()}])
@pytest.mark.parametrize("made", SURFACES.values())
def test_a_file_below_the_working_directory_is_decoded_in_a_child(
    made, given, trusted_engine, outside, isolated
):
    model = made(engine=trusted_engine, **given)
    if not given or given["policy"] == "agent":
        assert model.ask(made.ways[0], Named(path="inside.png")) == "red"
        assert isolated and all("inside.png" in name for name in isolated)
    else:  # made before the working directory was changed
        with pytest.raises(PathNotAllowed):
            model.ask(made.ways[0], Named(path="inside.png"))


@pytest.mark.parametrize(("made", "way"), WAYS)
def test_opting_in_with_a_name_or_roots_for_the_model_or_a_call(
    made, way, trusted_engine, site, outside
):
    roots = ImagePolicy.agent(roots=[outside.parent])
    trusting, usual = made(engine=trusted_engine, policy="trusted"), made(engine=trusted_engine)
    assert trusting.ask(way, Named(path=str(outside))) == "red"
    assert trusting.ask(way, Named(url=site.url)) == "red"
    assert len(site.connections) == 1
    assert made(engine=trusted_engine, policy=roots).ask(way, Named(path=str(outside))) == "red"
    assert usual.ask(way, Named(path=str(outside)), policy="trusted") == "red"
    assert usual.ask(way, Named(path=str(outside)), policy=roots) == "red"
    with pytest.raises(PathNotAllowed):
        usual.ask(way, Named(path=str(outside)), policy=None)


@pytest.mark.parametrize("made", SURFACES.values())
def test_a_public_chat_reads_no_file_and_no_url(made, trusted_engine, outside, connections):
    model = made(engine=trusted_engine, policy="public")
    with pytest.raises(PathNotAllowed):
        model.ask(made.ways[0], Named(path="inside.png"))
    with pytest.raises(UrlNotAllowed, match="switched off"):
        model.ask(made.ways[0], Named(url="https://example.org/a.png"))
    assert connections == []


@pytest.mark.parametrize("made", SURFACES.values())
def test_a_name_that_there_is_not_is_refused_by_the_constructor(made):
    with pytest.raises(BadOptions, match="`policy='admin'` is no policy"):
        made(model="embedded", policy="admin")


@pytest.mark.parametrize("made", SURFACES.values())
def test_models_with_different_policies_share_one_engine(made, embedded, outside):
    narrow, wide = made(model=embedded, policy="public"), made(model=embedded, policy="trusted")
    assert wide.ask(made.ways[0], Named(path=str(outside))) == "red"
    with pytest.raises(PathNotAllowed):
        narrow.ask(made.ways[0], Named(path=str(outside)))
    assert SharedEngine(embedded).loaded is not None
    narrow.model.close()
    wide.model.close()


def test_a_loader_reads_what_its_developer_names_and_decodes_it_in_a_child(
    trusted_engine, outside, site, isolated
):
    pytest.importorskip("langchain_core")
    from langchain_smolvlm import SmolVLMLoader

    for named in (str(outside), site.url):
        (page,) = SmolVLMLoader(named, engine=trusted_engine, question=QUESTION).load()
        assert page.page_content == "red"
    assert len(site.connections) == 1 and isolated
    with pytest.raises(PathNotAllowed):
        SmolVLMLoader(str(outside), engine=trusted_engine, policy="agent").load()
    isolated.clear()
    SmolVLMLoader(str(outside), engine=trusted_engine, policy="trusted", question=QUESTION).load()
    assert isolated == []
    with pytest.raises(BadOptions, match="admin"):
        SmolVLMLoader(str(outside), policy="admin")


def test_a_reader_does_so_too_and_urls_in_nodes_lead_to_public_addresses(
    trusted_engine, outside, site, isolated, connections
):
    pytest.importorskip("llama_index.core")
    from llama_index.core.schema import ImageNode
    from llama_index.readers.smolvlm import (
        SmolVLMImageReader,
        SmolVLMTransform,
        with_image_sha256,
    )

    asked = {"mode": "question", "question": QUESTION, "engine": trusted_engine}
    for named in (str(outside), site.url):
        (page,) = SmolVLMImageReader(**asked).load_data(named)
        assert page.text == "red"
    assert len(site.connections) == 1 and isolated
    with pytest.raises(PathNotAllowed):
        SmolVLMImageReader(**asked, policy="agent").load_data(str(outside))

    see = SmolVLMTransform(**asked, need_sha256=False)
    (seen,) = see([ImageNode(image_path=str(outside))])
    assert seen.text.strip() == "red"
    with pytest.raises(UrlNotAllowed):
        see([ImageNode(image_url=site.url)])
    with pytest.raises(UrlNotAllowed):
        with_image_sha256([ImageNode(image_url=site.url)])
    assert len(site.connections) == 1
    assert with_image_sha256([ImageNode(image_url=site.url)], "trusted")


def test_tools_of_both_fetch_nothing_and_hold_the_engine_to_their_policy(
    trusted_engine, outside, site, isolated, connections
):
    pytest.importorskip("langchain_core")
    pytest.importorskip("llama_index.core")
    from langchain_smolvlm import SmolVLMToolkit
    from llama_index.tools.smolvlm import SmolVLMToolSpec

    boxes = (SmolVLMToolkit(engine=trusted_engine), SmolVLMToolSpec(engine=trusted_engine))
    for box, angle in zip(boxes, (90, 180), strict=True):
        for url in (site.url, LINK_LOCAL):
            with pytest.raises(UrlNotAllowed, match="switched off"):
                box.toolbox.call("describe_image", {"image": url})
        with pytest.raises(PathNotAllowed):
            box.toolbox.call("describe_image", {"image": str(outside)})
        with Image.open("inside.png") as picture:  # one that the engine does not know
            picture.rotate(angle).save("turned.png")
        isolated.clear()
        box.toolbox.call("answer_question", {"image": "turned.png", "question": QUESTION})
        assert len(set(isolated)) == 2  # by the store and, under another name, by the engine
    assert site.connections == connections == []
    for made in (SmolVLMToolkit, SmolVLMToolSpec):
        with pytest.raises(BadOptions, match="admin"):
            made(policy="admin").toolbox  # noqa: B018 - a toolkit makes it when it is asked for
