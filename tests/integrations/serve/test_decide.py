"""Typed questions about files that were sent before."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.support.paths import SHAPES
from tests.support.serve_clients import openai_client, post

QUESTION = {"name": "q", "question": "Is the circle red?", "answer_type": "yes_no"}


def pdf() -> bytes:
    out = io.BytesIO()
    with Image.open(SHAPES) as image:
        image.convert("RGB").save(out, "pdf")
    return out.getvalue()


@pytest.mark.parametrize("data", [SHAPES.read_bytes(), pdf()], ids=["png", "pdf"])
@pytest.mark.parametrize("several", [False, True], ids=["image", "images"])
def test_a_sent_file_is_asked_about_by_its_id(url, data, several):
    with openai_client(url) as client:
        sent = client.files.create(file=("unnamed", data), purpose="vision")
    named = {"images": [sent.id]} if several else {"image": sent.id}
    answer = post(url, "/v1/decide", named | {"questions": [QUESTION]}).json()["answers"]["q"]
    assert answer["value"] is True
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
