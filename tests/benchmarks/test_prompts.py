"""Images and texts of the benchmarks have the sizes that the rows name."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from tokenizers import Tokenizer

from benchmarks.prompts import PAGE_SIZE, text_of_length, write_images
from benchmarks.speed.rows import LONG_CONTEXT
from smolvlm_tools.prompt.chat import ChatTemplate
from smolvlm_tools.types import Message


def test_the_images_have_the_sizes_of_the_rows(tmp_path: Path) -> None:
    images = write_images(tmp_path)
    sizes = []
    for path in (images.pages[0], images.photo, images.icon):
        with Image.open(path) as opened:
            sizes.append(opened.size)
    assert sizes == [PAGE_SIZE, (1024, 768), (512, 512)]
    assert len({path.read_bytes() for path in (*images.pages, *images.small)}) == 12


def test_the_long_text_is_as_long_as_asked(reference: Path) -> None:
    file = reference / "SmolVLM-256M-Instruct" / "tokenizer.json"
    message = Message(role="user", content=text_of_length(file, LONG_CONTEXT))
    chat = ChatTemplate(Tokenizer.from_file(str(file)), image_token_id=49190)
    assert len(chat.build([message], []).token_ids) == LONG_CONTEXT
