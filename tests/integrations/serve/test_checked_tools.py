"""The typed tools over HTTP, with a second reader and with frames."""

from __future__ import annotations

import base64

from smolvlm_tools.types import Check
from tests.support.animations import blinking
from tests.support.ocr import ocr_only
from tests.support.paths import RECEIPT
from tests.support.serve_clients import post

PNG = "data:image/png;base64," + base64.b64encode(RECEIPT.read_bytes()).decode()
GIF = "data:image/gif;base64," + base64.b64encode(blinking()).decode()


@ocr_only
def test_a_transcription_has_the_check_of_the_core(url, vlm):
    sent = {"image": PNG, "check": "ocr", "source": "best"}
    answer = post(url, "/v1/tools/transcribe_image", sent).json()
    core = vlm.transcribe(RECEIPT, check="ocr", source="best")
    check = Check.model_validate(answer["check"])
    assert answer["text"] == core.text
    assert (check.words, check.agreement) == (core.check.words, core.check.agreement)
    assert set(answer["check"]) == set(Check.model_fields)


def test_frames_of_an_animation_are_looked_at(url):
    sent = {"image": GIF, "frames": "2", "max_new_tokens": 4}
    answer = post(url, "/v1/tools/describe_image", sent).json()
    assert len(answer["shown_at"]) == 2
    refused = post(url, "/v1/tools/describe_image", {**sent, "frames": "many"})
    assert refused.status_code == 400 and "frames" in refused.text
