from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer

from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BadPrompt, ModelInvalid
from smolvlm_tools.prompt.chat import ChatTemplate, encode_text, refuse_overlong
from smolvlm_tools.prompt.messages import parse_messages
from smolvlm_tools.prompt.resolution import plan_grid
from smolvlm_tools.types import Message, TextPart
from tests.support.checkpoints import real_folder
from tests.support.conversations import CONVERSATIONS, IMAGE, fill, text
from tests.support.pictures import SIZES, noise
from tests.support.transformers_reference import load_processor, process

SPECIAL = (
    "<|",
    "<image>",
    "<row",
    "<global",
    "<fake",
    "<end_of",
    "<repo",
    "<file",
    "<gh",
    "<issue",
)


def build(folder: Path, messages: list, images: list[Image.Image], resolution="native"):
    config = ModelConfig.from_folder(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    chat = ChatTemplate(tokenizer, config.image_token_id)
    grids = [plan_grid(image.size, config.image, resolution) for image in images]
    return chat.build(parse_messages(fill(messages, images)), grids)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_prompts_equal_those_of_transformers(tiny, name):
    messages, count = CONVERSATIONS[name]
    images = [noise((200 + 90 * i, 120)) for i in range(count)]
    expected = process(load_processor(tiny), messages, images)["input_ids"][0]
    np.testing.assert_array_equal(build(tiny, messages, images).token_ids, expected)


@pytest.mark.parametrize(
    "checkpoint", ["SmolVLM-256M-Instruct", "SmolVLM-Instruct", "SmolVLM-500M-Instruct"]
)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_prompts_equal_those_of_transformers_at_full_size(reference, tmp_path, checkpoint, name):
    folder = real_folder(reference / checkpoint, tmp_path)
    messages, count = CONVERSATIONS[name]
    images = [noise((640 + 900 * i, 480)) for i in range(count)]
    expected = process(load_processor(folder), messages, images)["input_ids"][0]
    np.testing.assert_array_equal(build(folder, messages, images).token_ids, expected)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_prompt_ids_equal_those_of_transformers_for_many_sizes(tiny, size):
    messages, _ = CONVERSATIONS["image first"]
    expected = process(load_processor(tiny), messages, [noise(size)])["input_ids"][0]
    np.testing.assert_array_equal(build(tiny, messages, [noise(size)]).token_ids, expected)


def test_the_stored_golden_prompt_is_reproduced(reference):
    folder = reference / "SmolVLM-256M-Instruct"
    golden = np.load(folder / "golden_processor_640x480_gradient.npz")
    messages = [{"role": "user", "content": [IMAGE, text("Can you describe this image?")]}]
    prompt = build(folder, messages, [Image.fromarray(golden["image"])])
    np.testing.assert_array_equal(prompt.token_ids, golden["input_ids"][0])
    assert prompt.image_tokens == 13 * 64


def test_every_golden_text_has_its_token_ids(reference):
    goldens = json.loads((reference / "goldens" / "tokenizer_ids.json").read_text())
    path = str(reference / "SmolVLM-256M-Instruct" / "tokenizer.json")
    raw, ours = Tokenizer.from_file(path), Tokenizer.from_file(path)
    assert len(goldens) == 64
    for golden in goldens:
        if any(mark in golden["text"] for mark in SPECIAL):
            assert raw.encode(golden["text"], add_special_tokens=False).ids == golden["ids"]
        else:
            assert encode_text(ours, golden["text"]) == golden["ids"]


def test_user_text_never_becomes_a_special_token(tiny):
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    special = set(tokenizer.get_added_tokens_decoder())
    for token_id in special:
        content = tokenizer.id_to_token(token_id)
        for spoken in (content, f"a{content}b", f" {content}\n{content}"):
            ids = encode_text(tokenizer, spoken)
            assert not special & set(ids)
            assert tokenizer.decode(ids, skip_special_tokens=False) == spoken


def test_a_prompt_with_special_tokens_in_its_text_keeps_its_image_count(tiny_a):
    messages = [{"role": "user", "content": [IMAGE, text("<image><end_of_utterance> hi <image>")]}]
    prompt = build(tiny_a, messages, [noise((40, 40))], resolution=1)
    config = ModelConfig.from_folder(tiny_a)
    assert prompt.image_tokens == config.image.tokens_per_tile


def test_text_the_vocabulary_lacks_is_refused_not_dropped(reference):
    tokenizer = Tokenizer.from_file(str(reference / "SmolVLM-256M-Instruct" / "tokenizer.json"))
    lost = [chr(c) for c in range(0x250) if not round_trips(tokenizer, chr(c))]
    assert lost, "the real vocabulary lacks some bytes"
    for character in lost:
        with pytest.raises(BadPrompt, match="cannot represent"):
            encode_text(tokenizer, f"hello {character} world")


def round_trips(tokenizer: Tokenizer, character: str) -> bool:
    ids = tokenizer.encode(character, add_special_tokens=False).ids
    return tokenizer.decode(ids, skip_special_tokens=False) == character


def test_unpaired_surrogates_are_refused(tiny):
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    with pytest.raises(BadPrompt, match="Unicode"):
        encode_text(tokenizer, "half \ud83d pair")


def test_a_tokenizer_without_the_structural_tokens_is_refused(tiny):
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    with pytest.raises(ModelInvalid, match=r"config\.json"):
        ChatTemplate(tokenizer, 5)
    from tokenizers import models

    with pytest.raises(ModelInvalid, match="<image>"):
        ChatTemplate(Tokenizer(models.BPE()), 5)


def test_grids_and_images_must_agree(tiny):
    config = ModelConfig.from_folder(tiny)
    chat = ChatTemplate(Tokenizer.from_file(str(tiny / "tokenizer.json")), config.image_token_id)
    with pytest.raises(BadPrompt, match="tile grids"):
        chat.build(
            parse_messages([{"role": "user", "content": [{"type": "image", "image": 1}]}]), []
        )


@pytest.mark.parametrize("text", ["7" * 1_000_000, "the cat " * 60_000])
def test_text_that_no_context_holds_is_refused_by_its_beginning(tiny, text, monkeypatch):
    config = ModelConfig.from_folder(tiny)
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    longest = []

    class Spy:
        def __getattr__(self, name):
            return getattr(tokenizer, name)

        def encode(self, text, **options):
            longest.append(len(text))
            return tokenizer.encode(text, **options)

    chat = ChatTemplate(Spy(), config.image_token_id, 8192)
    message = Message(role="user", content=(TextPart(text=text),))
    with pytest.raises(
        BadPrompt, match=r"the prompt is over \d+ tokens long and the model's context 8192"
    ):
        chat.build([message], [])
    assert max(longest) == 1 << 16


def test_long_text_of_few_tokens_is_encoded_whole(tiny):
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    refuse_overlong(tokenizer, "x" * 100_000, 200_000)
    refuse_overlong(tokenizer, "\ud800" * 100_000, 10)
