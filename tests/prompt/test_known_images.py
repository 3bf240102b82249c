"""An image that was decoded before needs no child process to say what it is."""

from __future__ import annotations

import pytest

from smolvlm_tools import ImagePolicy, PagesNeeded, open_checkpoint
from smolvlm_tools.images import isolated
from smolvlm_tools.prompt.layout import RequestLayouter
from smolvlm_tools.prompt.messages import parse_messages
from smolvlm_tools.prompt.request import Request
from smolvlm_tools.sandbox import SHARED
from smolvlm_tools.types import GenerationOptions
from tests.support.image_kinds import image_files
from tests.support.paths import SHAPES


class CountingPool:
    """The shared child processes, and how often they were asked."""

    def __init__(self):
        self.asked = 0

    def ask(self, held, request):
        self.asked += 1
        return SHARED.ask(held, request)


@pytest.fixture
def pool(monkeypatch):
    counting = CountingPool()
    monkeypatch.setattr(isolated, "SHARED", counting)
    return counting


@pytest.fixture
def layouter():
    return RequestLayouter.open(open_checkpoint("embedded"), ImagePolicy.agent(), remember=True)


def about(image):
    parts = [{"type": "image", "image": image}, {"type": "text", "text": "?"}]
    messages = parse_messages([{"role": "user", "content": parts}])
    return Request(messages, GenerationOptions(), "auto")


def test_a_known_image_is_laid_out_without_asking_a_child(layouter, pool):
    request = about(SHAPES.read_bytes())
    first = layouter.lay_out(request)
    before = pool.asked
    assert before > 0
    again = layouter.lay_out(request)
    assert pool.asked == before
    assert again.prompt.token_ids.tolist() == first.prompt.token_ids.tolist()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_a_file_of_several_frames_is_never_taken_for_one_image(layouter, kind):
    animated = about(image_files()[f"{kind} of 3 frames"])
    for _ in range(2):
        with pytest.raises(PagesNeeded):
            layouter.lay_out(animated)
