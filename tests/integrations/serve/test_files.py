"""Files by OpenAI's own client."""

from __future__ import annotations

import io

import httpx2
import openai
import pytest
from PIL import Image

from tests.support.paths import RECEIPT, SHAPES
from tests.support.serve_clients import looking, openai_client


@pytest.fixture(scope="module")
def client(url):
    with openai_client(url) as client:
        yield client


def test_a_file_is_sent_listed_named_and_removed(client):
    sent = client.files.create(file=SHAPES, purpose="vision")
    assert (sent.filename, sent.bytes) == (SHAPES.name, SHAPES.stat().st_size)
    assert sent.id in [each.id for each in client.files.list()]
    assert client.files.retrieve(sent.id).purpose == "vision"
    assert client.files.content(sent.id).read() == SHAPES.read_bytes()
    reply = client.chat.completions.create(
        model="embedded", messages=[looking("What color is the circle?", sent.id)]
    )
    assert reply.choices[0].message.content == "red"
    assert client.files.delete(sent.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(sent.id)


def test_a_file_that_is_sent_twice_is_kept_once(client):
    first, again = (client.files.create(file=RECEIPT, purpose="vision") for _ in range(2))
    assert first.id == again.id
    assert [each.id for each in client.files.list()].count(first.id) == 1
    client.files.delete(first.id)


def test_what_is_no_image_is_refused_when_it_is_sent(client):
    with pytest.raises(openai.BadRequestError, match="not an image"):
        client.files.create(file=("notes.txt", b"hello"), purpose="vision")


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("a.tif", "TIFF", "image/png"),
        ("a.gif", "GIF", "image/gif"),
        ("a.webp", "WEBP", "image/webp"),
    ],
)
def test_a_page_comes_in_a_format_that_browsers_show(client, url, tmp_path, name, kind, shown):
    with Image.open(SHAPES) as picture:
        picture.save(tmp_path / name, kind)
        size = picture.size
    sent = client.files.create(file=tmp_path / name, purpose="vision")
    answer = httpx2.get(f"{url}/v1/files/{sent.id}/pages/1")
    assert answer.headers["content-type"] == shown
    with Image.open(io.BytesIO(answer.content)) as seen:
        assert seen.size == size and Image.MIME[seen.format] == shown
    client.files.delete(sent.id)
