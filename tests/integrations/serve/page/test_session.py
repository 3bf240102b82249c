"""The page at /: its history, copies, figures, token, and what is stopped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time

import pytest

from smolvlm_tools import Busy
from tests.support.gated import PATIENCE
from tests.support.paths import IMAGES, RECEIPT, SHAPES
from tests.support.serve_clients import DATA, looking, post
from tests.support.serve_page import browser_only
from tests.support.serve_servers import gated_server, served_here

pytestmark = browser_only
HEAVIEST = 150_000


def test_history_opens_an_answer_again_also_after_a_reload(visit):
    visit.choose(SHAPES)
    visit.ask("Yes or no", "Is there a circle?")
    visit.choose(RECEIPT)
    visit.ask("Transcribe")
    visit.page.reload()
    visit.page.get_by_role("button", name="Is there a circle?").click()
    visit.planned()
    assert visit.answers == ["Yes"]
    assert visit.page.locator("#picture-name").text_content() == "shapes.png"
    assert visit.page.get_by_role("textbox", name="Question").input_value() == "Is there a circle?"


CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on the PATH")


@pytest.mark.parametrize(
    ("name", "run"),
    [("Python", [sys.executable, "-c"]), pytest.param("curl", ["bash", "-c"], marks=CURL)],
    ids=["Python", "curl"],
)
def test_what_is_copied_runs_and_answers_the_same(visit, name, run):
    visit.choose(SHAPES)
    for kind, question in (
        ("Free", "What color is the circle?"),
        ("Yes or no", 'Isn\'t it "red"?'),
    ):
        visit.ask(kind, question)
        said = {"Yes": "true", "No": "false"}.get(visit.answers[0], visit.answers[0])
        visit.page.get_by_role("button", name=f"Copy as {name}").click()
        command = [*run, visit.page.locator("#snippet").text_content()]
        done = subprocess.run(command, cwd=IMAGES, capture_output=True, text=True, check=True)
        assert said in done.stdout.lower()


def test_a_tools_call_is_copied_for_mcp(visit):
    visit.choose(RECEIPT)
    visit.ask("Fields")
    visit.page.get_by_role("button", name="Copy as MCP").click()
    call = json.loads(visit.page.locator("#snippet").text_content())["params"]
    assert call["name"] == "extract_fields"
    assert call["arguments"]["image"] == "receipt.png"
    assert [*call["arguments"]["schema"]["properties"]] == ["total"]


def test_figures_are_looked_up_only_while_they_are_shown(visit):
    def looked():
        return sum(address.endswith("/v1/stats") for address in visit.asked)

    assert looked() == 0
    button = visit.page.get_by_role("button", name="Figures")
    button.click()
    visit.page.locator("#figures-list dd").first.wait_for()
    assert "Memory budget" in visit.page.locator("#figures").text_content()
    button.click()
    assert not visit.page.locator("#figures").is_visible()
    before = looked()
    visit.choose(SHAPES)
    visit.ask("Yes or no", "Is there a circle?")
    assert looked() == before >= 1


def test_a_token_is_asked_for_and_used(visiting, vlm):
    token = "correct-horse-battery"
    with served_here(vlm, token=token) as url:
        visit = visiting(url, wait=False)
        dialog = visit.page.get_by_role("dialog")
        for wrong in ("no such token here", token):
            dialog.get_by_label("Token").fill(wrong)
            dialog.get_by_role("button", name="Go on").click()
            if wrong != token:
                dialog.get_by_text("did not take that token").wait_for()
        visit.choose(SHAPES)
        visit.ask("Yes or no", "Is there a circle?")
        assert visit.answers == ["Yes"]


def test_stop_ends_the_request_and_a_full_queue_says_when_to_come_again(visiting):
    with gated_server(max_queue=1, batch_size=1) as gated:
        visit = visiting(gated.url)
        visit.choose(SHAPES)
        visit.page.get_by_role("radio", name="Describe").check(force=True)
        visit.page.locator("#send").click()
        gated.backend.wait_for()
        queued = threading.Thread(target=describe, args=(gated.url,))
        queued.start()
        until_full(gated.vlm)
        other = visiting(gated.url)
        other.choose(RECEIPT)
        other.page.get_by_role("radio", name="Describe").check(force=True)
        other.page.locator("#send").click()
        alert = other.page.get_by_role("alert")
        assert "Try again in" in alert.text_content()
        visit.page.get_by_role("button", name="Stop").click()
        visit.page.get_by_text("What was written until then stays").wait_for()
        gated.backend.open()
        queued.join(PATIENCE)


def until_full(vlm):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            vlm.check_room()
        except Busy:
            return
        time.sleep(0.01)
    raise AssertionError("the queue is not full")


def describe(url):
    post(url, "/v1/chat/completions", {"messages": [looking("Describe it.", DATA)]})
