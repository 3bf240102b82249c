"""Image nodes → the same nodes with what the model says about them as text."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import uuid4

from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    MetadataMode,
    Node,
    TransformComponent,
)
from pydantic import (
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from smolvlm_tools.errors import BadOptions, ImageNotFound, SmolVLMError
from smolvlm_tools.images import ImagePolicy, ImageSource, PolicyLike, read_image
from smolvlm_tools.types import VisionResult

from . import held_images, metadata
from .engine import LOG
from .looks import Found, LookSettings, Said, Sight, first_error

_OF_NODES = ImagePolicy(public_addresses_only=True, isolate=True)
"""Paths in nodes are of files that somebody here has read; their URLs are often other people's."""


class SmolVLMTransform(LookSettings, TransformComponent):
    """Captions, transcribes or questions the image of every node that has one.

        >>> from llama_index.core.ingestion import IngestionPipeline
        >>> from llama_index.readers.smolvlm import SmolVLMImageReader, SmolVLMTransform
        >>> documents = SmolVLMImageReader(mode="none").load_data("examples/images/shapes.png")
        >>> see = SmolVLMTransform(model="embedded", mode="caption")
        >>> print(IngestionPipeline(transformations=[see]).run(documents=documents)[0].text)
        The image shows ...

    To stand before splitters, which drop images. A node's own text is kept, before the new one.

    A pipeline's cache knows nodes by their text and metadata, never by their pixels: two images
    with the same text would share an entry. So every image node must carry its `image_sha256`;
    `SmolVLMImageReader` writes it, and `with_image_sha256` adds it to nodes from elsewhere.
    Prompts, options and model are part of the entry's key through this component's `to_dict`.

    Attributes:
        policy: which images are let in; None for any file that a node names, and URLs that lead to
            public addresses; both are decoded in a child process.
        need_sha256: False also takes nodes without it; `to_dict` is then different every time, so
            that no pipeline finds anything in its cache.
    """

    need_sha256: bool = True
    _default_policy: ClassVar[ImagePolicy] = _OF_NODES

    @model_validator(mode="after")
    def _check_mode(self) -> SmolVLMTransform:
        if self.mode == "none":
            raise BadOptions('mode="none" has nothing to do', "Choose what to find out.")
        return self

    @classmethod
    def class_name(cls) -> str:
        return "SmolVLMTransform"

    @model_serializer(mode="wrap")
    def custom_model_dump(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        fields: Any = handler(self)
        fields["class_name"] = self.class_name()
        if not self.need_sha256:
            fields["prompts"] = {**fields["prompts"], "never the same": uuid4().hex}
        return fields

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        told: list[BaseNode | None] = list(nodes)
        for window in self._images(nodes):
            self._tell(told, window, self._look(self._find(nodes, window)))
        return [node for node in told if node is not None]

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """`__call__` for an event loop; cancelling the task frees the engine."""
        told: list[BaseNode | None] = list(nodes)
        for window in await asyncio.to_thread(self._images, nodes):
            looked = await self._alook(await asyncio.to_thread(self._find, nodes, window))
            await asyncio.to_thread(self._tell, told, window, looked)
        return [node for node in told if node is not None]

    def _images(self, nodes: Sequence[BaseNode]) -> list[Sequence[int]]:
        """Indices of the nodes that have an image, `at_once` together."""
        images = [index for index, node in enumerate(nodes) if _held(node) is not None]
        if self.need_sha256:
            for index in images:
                _check_key(nodes[index])
        return self._windows(images)

    def _find(self, nodes: Sequence[BaseNode], window: Sequence[int]) -> list[Found]:
        return [self._attempt(self._see, nodes[index]) for index in window]

    def _see(self, node: BaseNode) -> Sight:
        source, digest = _image_of(node), node.metadata.get(metadata.SHA256)
        if digest is None and self.cache is not None:
            source = read_image(source, self._rules)
            digest = hashlib.sha256(source.data).hexdigest()
        return Sight(source, digest)

    def _tell(
        self, told: list[BaseNode | None], window: Sequence[int], looked: Sequence[Said]
    ) -> None:
        for index, said in zip(window, looked, strict=True):
            node = told[index]
            if node is not None:
                told[index] = self._tell_one(node, said)

    def _tell_one(self, node: BaseNode, said: Said) -> BaseNode | None:
        wrong = first_error(said)
        if wrong is not None and self.on_error == "skip":
            LOG.warning("left out the image node %s: %s", node.node_id, self._tolerate(wrong))
            return None
        if isinstance(said, SmolVLMError):
            return _changed(node, metadata.of_error(said))
        for outcome in said.values():
            if isinstance(outcome, VisionResult):
                _check_same(node, outcome.image_sha256[0])
        text, about = metadata.of_outcomes(said, self._tolerate)
        own = node.get_content(MetadataMode.NONE).strip()
        return _changed(node, about, "\n\n".join(part for part in (own, text) if part))


def with_image_sha256(
    nodes: Sequence[BaseNode], policy: PolicyLike | None = None
) -> list[BaseNode]:
    """The nodes, with the digest of its image in the metadata of each that has one.

    Reads the images; `policy` says which may be read, by default as with `SmolVLMTransform`.

    Raises:
        InputError: an image cannot be read.
    """
    marked: list[BaseNode] = []
    rules = ImagePolicy.named(policy, _OF_NODES)
    for node in nodes:
        if _held(node) is not None:
            data = read_image(_image_of(node), rules).data
            about = {metadata.SHA256: hashlib.sha256(data).hexdigest()}
            node = _changed(node, about, node.get_content(MetadataMode.NONE))
        marked.append(node)
    return marked


def _held(node: BaseNode) -> tuple[Any, Any, Any] | None:
    """The data, path and URL of a node's image; None if it is not about one."""
    if isinstance(node, ImageNode):
        return node.image, node.image_path, node.image_url
    held = node.image_resource if isinstance(node, Node) else None
    return None if held is None else (held.data, held.path, held.url)


def _image_of(node: BaseNode) -> ImageSource:
    data, path, url = _held(node) or (None, None, None)
    source = held_images.source_of(data, path, url, "Name files by their path.")
    if source is not None:
        return source
    raise ImageNotFound(
        f"the image of node {node.node_id!r} is gone",
        "LlamaIndex leaves image data out when it stores nodes: read the file again.",
    )


def _changed(node: BaseNode, about: Mapping[str, Any], text: str | None = None) -> BaseNode:
    """A copy with more metadata and another text; the node stays as it is."""
    changed = node.model_copy()
    metadata.write(changed, about)
    if text is not None:
        changed.set_content(text)
    return changed


def _check_key(node: BaseNode) -> None:
    digest = node.metadata.get(metadata.SHA256)
    if not digest or str(digest) not in node.get_content(MetadataMode.ALL):
        raise BadOptions(
            f"the image node {node.node_id!r} does not show its {metadata.SHA256}, so that a "
            "pipeline's cache would take all images with the same text for one",
            "Pass the nodes through with_image_sha256 first, or set need_sha256=False.",
        )


def _check_same(node: BaseNode, digest: str) -> None:
    if node.metadata.get(metadata.SHA256, digest) != digest:
        raise BadOptions(
            f"the image of node {node.node_id!r} is not the one that its {metadata.SHA256} names",
            "The file was changed meanwhile: read it again.",
        )
