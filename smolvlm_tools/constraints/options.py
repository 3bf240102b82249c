"""The options of a closed choice as a tree of tokens, with their usual spellings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from ..prompt.chat import encode_text
from .kinds import Choice


@dataclass(slots=True)
class OptionNode:
    """A prefix of options.

    Attributes:
        children: what may follow, by token.
        option: index of the option that may end here; None where none does.
    """

    children: dict[int, OptionNode] = field(default_factory=dict["int", "OptionNode"])
    option: int | None = None


@dataclass(frozen=True, slots=True)
class OptionTree:
    """The options of a choice as tokens.

    Attributes:
        root: of the tree, with every spelling of every option.
        paths: tokens of each option as it was given.
        depth: most tokens of one spelling.
    """

    choice: Choice
    root: OptionNode
    paths: tuple[tuple[int, ...], ...]
    depth: int

    @property
    def least_tokens(self) -> int:
        """Tokens for which there has to be room: options are read to their ends."""
        return self.depth

    @classmethod
    def of(cls, choice: Choice, tokenizer: Tokenizer) -> OptionTree:
        """Tokenize the options.

        Raises:
            BadPrompt: the vocabulary cannot represent one.
        """
        texts = [text for text, _ in choice.options]
        paths = tuple(tuple(encode_text(tokenizer, f" {text}")) for text in texts)
        root = OptionNode()
        for index, path in enumerate(paths):
            _add(root, path, index)
        depth = max(map(len, paths))
        for index, text in enumerate(texts):
            for spelling in other_spellings(text, texts):
                path = encode_text(tokenizer, f" {spelling}")
                _add(root, path, index)
                depth = max(depth, len(path))
        return cls(choice, root, paths, depth)


def other_spellings(text: str, options: Collection[str]) -> set[str]:
    """How else an option is usually written: capitalized, in lower case; never another option."""
    return {text[:1].upper() + text[1:], text.lower()} - set(options)


def _add(root: OptionNode, path: list[int] | tuple[int, ...], option: int) -> None:
    node = root
    for token in path:
        node = node.children.setdefault(token, OptionNode())
    if node.option is None:  # what was given as it stands comes first
        node.option = option
