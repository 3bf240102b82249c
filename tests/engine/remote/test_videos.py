"""Videos for a server: frames as images, in the words that a local engine puts around them."""

from __future__ import annotations

import pytest

from tests.support.chat_servers import chat_server, says
from tests.support.clips import encode, picture


def test_frames_are_sent_between_their_times():
    clip = encode([picture(number, (64, 48)) for number in range(30)], fps="10")
    with chat_server(says("A bar moves.")) as server:
        with server.engine() as vlm:
            result = vlm.describe(clip, frames=2)
    content = server.bodies[0]["messages"][0]["content"]
    kinds = [part["type"] for part in content]
    assert kinds == ["text", "image_url", "text", "image_url", "text", "text"]
    texts = [part["text"] for part in content if part["type"] == "text"]
    assert texts[0].endswith("two frames from a 0:00:03 [H:MM:SS] video.\n\nFrame from 00:00:")
    assert texts[1:3] == ["\nFrame from 00:02:", "\n\n"]
    assert [ref.seconds for ref in result.sources] == pytest.approx([0.0, 2.9])
