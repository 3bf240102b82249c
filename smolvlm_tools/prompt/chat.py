r"""Messages + tile grids → token ids with image placeholders.

The text is that of SmolVLM's chat template and of transformers' `Idefics3Processor` (5.23):

    <|im_start|>User:<image>Can you describe this image?<end_of_utterance>\nAssistant:

with every `<image>` expanded to its tiles. Special tokens are placed by id; whatever a person
wrote is encoded as plain text, so it can never become one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..arrays import TokenIds
from ..errors import BadPrompt, ModelInvalid
from ..types import ImagePart, Message
from .resolution import TileGrid

START = "<|im_start|>"
END_OF_UTTERANCE = "<end_of_utterance>"
IMAGE = "<image>"
AROUND_IMAGE = "<fake_token_around_image>"
GLOBAL_TILE = "<global-img>"
ASSISTANT = "Assistant:"
"""What a prompt ends with; the model writes on from there."""

Segment: TypeAlias = str | int
"""Plain text still to be encoded, or the id of a special token."""


def encode_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """Encode what a person wrote; special-token strings in it stay plain text.

    Raises:
        BadPrompt: the vocabulary cannot represent the text (some bytes have no token).
    """
    tokenizer.encode_special_tokens = True
    try:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    except (UnicodeEncodeError, TypeError):  # lone surrogates
        raise BadPrompt("the text is not valid Unicode", "Remove unpaired surrogates.") from None
    kept = tokenizer.decode(ids, skip_special_tokens=False)
    if kept != text:
        same = (a == b for a, b in zip(text, kept, strict=False))
        at = next((i for i, equal in enumerate(same) if not equal), len(kept))
        raise BadPrompt(
            f"the model's vocabulary cannot represent {text[at : at + 1]!a}",
            "Remove or replace that character.",
        )
    return ids


def refuse_overlong(tokenizer: Tokenizer, text: str, context_length: int) -> None:
    """Refuse a text that no context holds by its beginning: a whole megabyte takes 370 MB.

    Raises:
        BadPrompt: it has more tokens than the context.
    """
    end = _BEGINNING
    while end < len(text):
        try:
            count = len(tokenizer.encode(text[:end], add_special_tokens=False).ids)
        except (UnicodeEncodeError, TypeError):  # `encode_text` says so
            return
        if count > context_length + _AT_THE_CUT:
            raise BadPrompt(
                f"the prompt is over {count - _AT_THE_CUT} tokens long and the model's context "
                f"{context_length}",
                "Shorten the text.",
            )
        end *= 4


_BEGINNING = 1 << 16
"""Characters; English text of a whole context has fewer."""
_AT_THE_CUT = 64
"""Tokens that a text may have less than its beginning, where a word is cut."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation as the decoder reads it.

    Attributes:
        token_ids: (L,) int64.
        image_tokens: how many of them are placeholders for image features.
    """

    token_ids: TokenIds
    image_tokens: int


@dataclass(frozen=True, slots=True)
class AnsweredPrompt:
    """A conversation that ends with its answer, as the decoder reads it.

    Attributes:
        token_ids: (L,) int64.
        is_answer: (L,), whether a token is one that the assistant writes: its text and the end of
            its turn, and nothing of a prompt.
    """

    token_ids: TokenIds
    is_answer: NDArray[np.bool_]


def token_budget(prompt: Prompt, wanted: int, context_length: int, least: int = 1) -> int:
    """How many tokens may be generated: `wanted`, or what the context has room for.

    Raises:
        BadPrompt: there is room for fewer than `least`.
    """
    room = context_length - len(prompt.token_ids)
    if room < least:
        raise BadPrompt(
            f"the prompt is {len(prompt.token_ids)} tokens long and the model's context "
            f"{context_length}",
            "Shorten the text, or send fewer images. Or lower `resolution`.",
        )
    return min(wanted, room)


class ChatTemplate:
    """SmolVLM's chat format over one checkpoint's tokenizer.

    Args:
        image_token_id: the placeholder's id, from the checkpoint's configuration.
        context_length: tokens that the model takes; text that has more is refused early.

    Raises:
        ModelInvalid: the tokenizer lacks a structural token, or names another image token.
    """

    def __init__(
        self, tokenizer: Tokenizer, image_token_id: int, context_length: int | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._context_length = context_length
        self._special = {
            token.content: token_id
            for token_id, token in tokenizer.get_added_tokens_decoder().items()
            if token.special
        }
        missing = {START, END_OF_UTTERANCE, IMAGE, AROUND_IMAGE} - set(self._special)
        if missing:
            raise ModelInvalid(
                f"tokenizer.json has no special token {', '.join(sorted(missing))}",
                "Use the tokenizer.json that belongs to the SmolVLM checkpoint.",
            )
        if self._special[IMAGE] != image_token_id:
            raise ModelInvalid(
                f"{IMAGE} is token {self._special[IMAGE]} in tokenizer.json "
                f"but {image_token_id} in config.json",
                "Use the tokenizer.json that belongs to the SmolVLM checkpoint.",
            )
        self.image_token_id = image_token_id

    @property
    def end_of_utterance_id(self) -> int:
        return self._special[END_OF_UTTERANCE]

    def build(
        self, messages: Sequence[Message], grids: Sequence[TileGrid], said: Sequence[int] = ()
    ) -> Prompt:
        """Lay out a conversation and the opening of the assistant's turn.

        Args:
            grids: of the messages' images, in the order they stand there.
            said: tokens with which the assistant's turn begins.

        Raises:
            BadPrompt: as many grids as images are needed; or unrepresentable text.
        """
        remaining = _one_each(messages, grids)
        segments: list[Segment] = [self._special[START]]
        for message in messages:
            segments.extend(self._turn(message, remaining))
        segments += [ASSISTANT, *said]
        return self._encode(segments)

    def build_answered(
        self, messages: Sequence[Message], grids: Sequence[TileGrid]
    ) -> AnsweredPrompt:
        """Lay out a conversation to learn from; its last turn is the assistant's.

        A prompt ends after "Assistant:", so text is cut there before it is encoded: what comes
        after are the very tokens that the model has to write.

        Raises:
            BadPrompt: see `build`; or a turn of the assistant's shows an image.
        """
        remaining = _one_each(messages, grids)
        pieces: list[Prompt] = []
        asked: list[Segment] = [self._special[START]]
        for message in messages:
            opening, *rest = turn = self._turn(message, remaining)
            if message.role != "assistant":
                asked.extend(turn)
                continue
            if any(isinstance(part, ImagePart) for part in message.content):
                raise BadPrompt(
                    "the assistant's turn shows an image, which the model cannot write",
                    "Move the image to a turn of the user's.",
                )
            *written, line_end = rest
            answer: list[Segment] = [str(opening).removeprefix(ASSISTANT), *written]
            pieces += [self._encode([*asked, ASSISTANT]), self._encode(answer)]
            asked = [line_end]
        is_answer = [np.full(len(piece.token_ids), at % 2) for at, piece in enumerate(pieces)]
        token_ids = np.concatenate([piece.token_ids for piece in pieces])
        return AnsweredPrompt(token_ids, np.concatenate(is_answer).astype(np.bool_))

    def count_image(self, grid: TileGrid) -> int:
        """Tokens one image takes in a prompt, markers and line breaks included."""
        return len(self._encode(self._image(grid)).token_ids)

    def _turn(self, message: Message, grids: Iterable[TileGrid]) -> list[Segment]:
        remaining = iter(grids)
        role = message.role.capitalize()
        opens_with_image = isinstance(message.content[0], ImagePart)
        segments: list[Segment] = [f"{role}:" if opens_with_image else f"{role}: "]
        for part in message.content:
            if isinstance(part, ImagePart):
                segments.extend(self._image(next(remaining)))
            else:
                segments.append(part.text)
        return [*segments, self._special[END_OF_UTTERANCE], "\n"]

    def _image(self, grid: TileGrid) -> list[Segment]:
        around = self._special[AROUND_IMAGE]
        tile = [self.image_token_id] * grid.tokens_per_tile
        segments: list[Segment] = []
        for row in range(1, grid.rows + 1):
            for col in range(1, grid.cols + 1):
                segments += [around, self._marker(f"<row_{row}_col_{col}>"), *tile]
            segments.append("\n")
        if grid.split:
            segments.append("\n")
        return [*segments, around, self._marker(GLOBAL_TILE), *tile, around]

    def _marker(self, name: str) -> Segment:
        """Position markers are special tokens in most checkpoints, plain text in 2.2B v1."""
        return self._special.get(name, name)

    def _encode(self, segments: Iterable[Segment]) -> Prompt:
        """Each run of text between two special tokens is encoded in one piece."""
        ids: list[int] = []
        run = ""
        for segment in segments:
            if isinstance(segment, str):
                run += segment
                continue
            ids += self._encode_run(run)
            ids.append(segment)
            run = ""
        ids += self._encode_run(run)
        token_ids = np.asarray(ids, dtype=np.int64)
        return Prompt(token_ids, int(np.count_nonzero(token_ids == self.image_token_id)))

    def _encode_run(self, run: str) -> list[int]:
        if self._context_length is not None:
            refuse_overlong(self._tokenizer, run, self._context_length)
        return encode_text(self._tokenizer, run) if run else []


def _one_each(messages: Sequence[Message], grids: Sequence[TileGrid]) -> Iterator[TileGrid]:
    """The grids, of which there is one for each image."""
    images = sum(isinstance(part, ImagePart) for turn in messages for part in turn.content)
    if images != len(grids):
        raise BadPrompt(f"{len(grids)} tile grids for {images} images", "Pass one for each.")
    return iter(grids)
