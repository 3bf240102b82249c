"""Ask a folder of scans: LlamaIndex finds the page by its caption, SmolVLM looks at it again.

    pip install '.[llama-index,pdf]' wordllama
    python examples/llama_index_rag.py

Everything runs on this machine, offline: the eyes are the model that ships with this package, and
the embeddings are WordLlama's, whose weights (16 MB) ship in its wheel. Both are small; put better
ones in their place by the names `MODEL` and `StaticEmbedding`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import wordllama
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.schema import BaseNode, Document
from llama_index.llms.smolvlm import SmolVLMLLM
from llama_index.readers.smolvlm import SmolVLMImageReader, SmolVLMTransform
from PIL import Image, ImageDraw
from pydantic import PrivateAttr

from smolvlm_tools import SharedEngine

MODEL = "embedded"


class StaticEmbedding(BaseEmbedding):
    """Sums of word vectors: no neural network runs, so that a text takes microseconds."""

    _words: Any = PrivateAttr()

    def __init__(self, **fields: Any) -> None:
        super().__init__(model_name="wordllama-l2_supercat-256", **fields)
        folder = Path(wordllama.__file__).parent  # where its wheel put the weights
        self._words = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._words.embed([text], norm=True)[0].tolist()

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def make_scans(folder: Path) -> None:
    """A few files as a scanner leaves them: images, a PDF of three pages, and one broken file."""
    draw("red", "circle").save(folder / "monday.png")
    draw("yellow", "square").save(folder / "TUESDAY.JPG")
    pages = [draw("green", "triangle"), draw("blue", "square"), draw("purple", "circle")]
    pages[0].save(folder / "archive.pdf", save_all=True, append_images=pages[1:])
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")


def draw(colour: str, shape: str) -> Image.Image:
    """A page that shows one thing."""
    page = Image.new("RGB", (240, 240), "white")
    pen = ImageDraw.Draw(page)
    if shape == "circle":
        pen.ellipse((70, 70, 170, 170), fill=colour)
    elif shape == "square":
        pen.rectangle((70, 70, 170, 170), fill=colour)
    else:
        pen.polygon([(120, 60), (60, 170), (180, 170)], fill=colour)
    return page


def load(folder: Path) -> list[Document]:
    """A document for each image and page, not looked at yet, and one for what is broken."""
    reader = SmolVLMImageReader(mode="none", on_error="record")
    return SimpleDirectoryReader(folder, file_extractor=reader.file_extractor()).load_data()


def find(index: VectorStoreIndex, question: str) -> BaseNode:
    """The page whose caption comes closest."""
    return index.as_retriever(similarity_top_k=1).retrieve(question)[0].node


def look_again(llm: SmolVLMLLM, page: BaseNode, question: str) -> str:
    """Answer from the picture itself. An index keeps texts only, so the page is read again."""
    file, number = page.metadata["file_path"], int(page.metadata["page_label"])
    again = SmolVLMImageReader(mode="none").load_data(file)[number - 1].image_resource
    assert again is not None
    image = ImageBlock(image=again.data, path=again.path)
    message = ChatMessage(blocks=[image, TextBlock(text=question)])
    return llm.chat([message]).message.content or ""


def main() -> None:
    """Index the folder, ask it, and check what this shows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_scans(folder)
        documents = load(folder)
        # Nothing is lost silently: the broken file is a document that says so.
        assert len(documents) == 6
        broken = [document for document in documents if "smolvlm_error" in document.metadata]
        assert [each.metadata["file_name"] for each in broken] == ["broken.png"]

        eyes = SmolVLMTransform(model=MODEL, mode="caption")
        pipeline = IngestionPipeline(transformations=[eyes, StaticEmbedding()])
        nodes = pipeline.run(documents=[each for each in documents if each not in broken])
        for node in nodes:
            print(node.metadata["file_name"], node.metadata["page_label"], node.get_content())

        index = VectorStoreIndex(nodes=list(nodes), embed_model=StaticEmbedding())
        page = find(index, "On which page is a blue square?")
        assert (page.metadata["file_name"], page.metadata["page_label"]) == ("archive.pdf", "2")

        with_eyes = SmolVLMLLM(model=MODEL)
        answer = look_again(with_eyes, page, "What color is the square?")
        print(f"{page.metadata['file_name']}, page {page.metadata['page_label']}: {answer}")
        assert answer == "blue"

        # The same scans again: the pipeline knows them by their hashes, and no model runs.
        eyes.close()
        with_eyes.close()
        assert SharedEngine(MODEL).loaded is None
        again = pipeline.run(documents=[each for each in load(folder) if each.image_resource])
        assert [node.get_content() for node in again] == [node.get_content() for node in nodes]
        assert SharedEngine(MODEL).loaded is None


if __name__ == "__main__":
    main()
