"""Packs pictures and questions into batches.

One picture is encoded once; its questions hang on it as branches. A branch sees the image and
itself, and its positions go on from the image as if it were the only turn.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from questions import ABOUT, CHATS, SYSTEMS, turns_for
from render import (
    GLYPH_BASE,
    Picture,
    render_blank,
    render_scene,
    render_text,
    scene_size,
    strip_size,
)
from tiling import auto_n, grid_of, make_tiles, patch_labels
from tokenizers import Tokenizer
from turn import Turn

TOKENS_PER_TILE = 64
MAX_PICTURES_WAITING = 24
LONG_PRINT = (2, 2, 3, 5)
"""How often print has one line, two, ...: long pages are the hardest."""


@dataclass
class Group:
    """Examples with the same number of tiles.

    `branch` is 0 for the shared prefix, k for branch k and -1 for padding; `targets` is -100 where
    nothing is learned. Shapes: tiles (B, T, 128, 128, 3) uint8, labels (B, T, 256, 2), the rest
    (B, L).
    """

    tiles: torch.Tensor
    labels: torch.Tensor
    ids: torch.Tensor
    positions: torch.Tensor
    branch: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True)
class Mix:
    """How many images of each tile count one step holds."""

    single: int
    strip: int  # three tiles
    square: int  # five tiles
    chats: float = 0.15  # chance of a group of conversations without an image
    print_share: float = 0.5  # of the pictures that show print
    windows: int = 0  # see `windows.py`


@lru_cache(maxsize=4096)
def _encode(tokenizer_id: int, text: str) -> tuple[int, ...]:
    return tuple(_TOKENIZERS[tokenizer_id].encode(text, add_special_tokens=False).ids)


_TOKENIZERS: dict[int, Tokenizer] = {}


class Prompts:
    """Turns prompts into token ids, the way SmolVLM writes them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Keeps the tokenizer and its special ids."""
        self.tokenizer = tokenizer
        _TOKENIZERS[id(tokenizer)] = tokenizer
        self.image = tokenizer.token_to_id("<image>")
        self.end = tokenizer.token_to_id("<end_of_utterance>")
        self.pad = tokenizer.token_to_id("<|im_end|>")

    def encode(self, text: str) -> list[int]:
        """Token ids of a text with special tokens in it."""
        return list(_encode(id(self.tokenizer), text))

    def expansion(self, grid: tuple[int, int]) -> str:
        """The placeholder string of an image of that grid."""
        rows, cols = grid
        fake, tile = "<fake_token_around_image>", "<image>" * TOKENS_PER_TILE
        overview = f"{fake}<global-img>{tile}{fake}"
        if rows * cols == 1:
            return overview
        text = ""
        for row in range(1, rows + 1):
            for col in range(1, cols + 1):
                text += f"{fake}<row_{row}_col_{col}>{tile}"
            text += "\n"
        return text + "\n" + overview

    def image_prefix(self, grid: tuple[int, int], system: str = "") -> list[int]:
        """Everything up to and including the image."""
        start = f"System: {system}<end_of_utterance>\n" if system else ""
        return self.encode(f"<|im_start|>{start}User:{self.expansion(grid)}")

    def question(self, text: str) -> list[int]:
        """The question up to and including `Assistant:`."""
        return self.encode(text + "<end_of_utterance>\nAssistant:")

    def answer(self, text: str) -> list[int]:
        """The answer with its end mark."""
        ids = self.tokenizer.encode(" " + text, add_special_tokens=False).ids
        return [*ids, self.end]


def pack(prompts: Prompts, prefix: list[int], branches: list[list[Turn]]) -> dict[str, list[int]]:
    """One example: the prefix and its branches, each one or more turns long."""
    ids, positions = list(prefix), list(range(len(prefix)))
    branch, targets = [0] * len(prefix), [-100] * len(prefix)
    for number, turns in enumerate(branches, start=1):
        place = len(prefix)
        for index, turn in enumerate(turns):
            lead = "\nUser: " if index else ""
            question = prompts.question(lead + turn.question)
            answer = prompts.answer(turn.answer)
            ids += question + answer
            # Each position is taught the token that follows it.
            targets += [-100] * (len(question) - 1) + answer + [-100]
            count = len(question) + len(answer)
            positions += range(place, place + count)
            branch += [number] * count
            place += count
    return {"ids": ids, "positions": positions, "branch": branch, "targets": targets}


def collate(prompts: Prompts, rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Right-pads examples to one length."""
    longest = max(len(row["ids"]) for row in rows)
    fill = {"ids": prompts.pad, "positions": 0, "branch": -1, "targets": -100}
    return {
        key: torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in rows])
        for key, value in fill.items()
    }


def sample_picture(rng: random.Random, kind: str, print_share: float) -> tuple[Picture, int]:
    """A random picture that probably has the wished tile count, and its longest edge in tiles."""
    text = rng.random() < print_share
    if kind == "single":
        if text:
            return render_text(rng, "tile"), 1
        size = scene_size(rng, split=False)
        blank = rng.random() < 0.02
        return (render_blank(rng, size) if blank else render_scene(rng, size)), 1
    if text:
        page = "wide" if kind == "strip" else "page"
        return render_text(rng, rng.choice(("strip", "strip", page)), counts=LONG_PRINT), 2
    size = strip_size(rng) if kind == "strip" else scene_size(rng, split=True)
    picture = render_blank(rng, size) if rng.random() < 0.02 else render_scene(rng, size)
    return picture, auto_n(size)


class Source:
    """An endless stream of training steps."""

    def __init__(self, prompts: Prompts, seed: int) -> None:
        """Starts the stream of that seed."""
        self.prompts = prompts
        self.rng = random.Random(seed)
        self.waiting: dict[int, deque[tuple[Picture, int]]] = defaultdict(
            lambda: deque(maxlen=MAX_PICTURES_WAITING)
        )

    def picture(self, kind: str, print_share: float) -> tuple[Picture, int]:
        """A picture of exactly the wished tile count."""
        wanted = {"single": 1, "strip": 3, "square": 5}[kind]
        while not self.waiting[wanted]:
            picture, n = sample_picture(self.rng, kind, print_share)
            rows, cols = grid_of(picture.image.size, n)
            tiles = rows * cols + (rows * cols > 1)
            self.waiting[tiles].append((picture, n))
        return self.waiting[wanted].popleft()

    def group(self, kind: str, count: int, print_share: float) -> Group:
        """A group of pictures with their questions."""
        rows, tiles, labels = [], [], []
        for _ in range(count):
            picture, n = self.picture(kind, print_share)
            turns = turns_for(self.rng, picture)
            branches = [[turn] for turn in turns]
            if len(branches) > 2 and self.rng.random() < 0.2:  # a second turn in one branch
                branches[-2:] = [branches[-2] + branches[-1]]
            system = self.rng.choice(SYSTEMS) if self.rng.random() < 0.04 else ""
            prefix = self.prompts.image_prefix(grid_of(picture.image.size, n), system)
            rows.append(pack(self.prompts, prefix, branches))
            tiles.append(make_tiles(picture.image, n))
            labels.append(patch_labels(picture.labels, n, GLYPH_BASE))
        return Group(
            torch.from_numpy(np.stack(tiles)),
            torch.from_numpy(np.stack(labels)),
            **collate(self.prompts, rows),
        )

    def chats(self, count: int) -> Group:
        """Conversations without an image."""
        rows = []
        for _ in range(count):
            system = self.rng.choice(SYSTEMS) if self.rng.random() < 0.25 else ""
            lead = f"System: {system}<end_of_utterance>\n" if system else ""
            prefix = self.prompts.encode(f"<|im_start|>{lead}User: ")[:-1]
            chosen = self.rng.sample(CHATS, 2)
            branches = [[Turn("chat", " " + text, ABOUT)] for text in chosen]
            rows.append(pack(self.prompts, prefix, branches))
        empty = torch.zeros(0)
        return Group(empty, empty, **collate(self.prompts, rows))

    def step(self, mix: Mix) -> list[Group]:
        """The groups of one training step."""
        groups = [
            self.group(kind, count, mix.print_share)
            for kind, count in (
                ("single", mix.single), ("strip", mix.strip), ("square", mix.square),
            )
            if count
        ]  # fmt: skip
        if self.rng.random() < mix.chats:
            groups.append(self.chats(2))
        return groups

    def steps(self, mix: Mix) -> Iterator[list[Group]]:
        """Endless steps of one mix."""
        while True:
            yield self.step(mix)
