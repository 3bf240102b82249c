"""The image of a request is read once, whatever it turns out to be."""

from __future__ import annotations

import threading
from io import BytesIO

import pytest

from smolvlm_tools import ImagePolicy, open_checkpoint
from smolvlm_tools.engine.remote.pictures import open_pictures
from smolvlm_tools.prompt.layout import RequestLayouter
from smolvlm_tools.prompt.messages import parse_messages
from smolvlm_tools.prompt.request import Request
from smolvlm_tools.types import GenerationOptions, ImagePart
from tests.support.bad_sites import BadSite
from tests.support.paths import SHAPES

TRUSTED = ImagePolicy()


@pytest.fixture
def site():
    server = BadSite()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def local(image):
    layouter = RequestLayouter.open(open_checkpoint("embedded"), TRUSTED)
    messages = parse_messages([{"role": "user", "content": [{"type": "image", "image": image}]}])
    return layouter.lay_out(Request(messages, GenerationOptions(), "auto")).images


def remote(image):
    return open_pictures(ImagePart(image=image), TRUSTED, upright=False)


@pytest.mark.parametrize("look", [local, remote])
def test_a_stream_is_read_once(look):
    assert len(look(BytesIO(SHAPES.read_bytes()))) == 1


@pytest.mark.parametrize("look", [local, remote])
def test_an_address_is_fetched_once(look, site):
    assert len(look(site.url("png"))) == 1
    assert len(site.seen) == 1
