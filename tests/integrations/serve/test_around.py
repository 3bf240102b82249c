"""What is beside OpenAI's and Ollama's APIs, and who may come in, over a real socket."""

from __future__ import annotations

import anyio
import openai
import pytest
from mcp.client.client import Client

from tests.support.gated import PATIENCE
from tests.support.paths import SHAPES
from tests.support.serve_clients import CLIENT, DATA, get, looking, near, openai_client, post
from tests.support.serve_servers import served_here

TOKEN = "a-token-of-sufficient-length"
SITE = "https://eyes.example"
COLOR, HOW_MANY = "What color is the circle?", "How many shapes are there?"
LARGE = b'{"messages": "' + b"a" * 28_000_000 + b'"}'


@pytest.fixture(scope="module")
def guarded(vlm):
    """A server in this process that wants a token and lets one site in."""
    with served_here(vlm, token=TOKEN, allowed_origins=(SITE,), page=False) as address:
        yield address


def bearer(token=TOKEN):
    return {"Authorization": f"Bearer {token}"}


def test_many_questions_about_an_image_are_decided_at_once(url, vlm):
    count = {"name": "count", "question": HOW_MANY, "answer_type": "integer"}
    color = {"name": "color", "question": COLOR}
    decided = post(url, "/v1/decide", {"image": DATA, "questions": [count, color]}).json()
    assert (decided["object"], decided["model"]) == ("decision", "embedded")
    answers = decided["answers"]
    assert (answers["count"]["value"], answers["color"]["value"]) == (3, "red")
    own = vlm.ask(SHAPES, HOW_MANY, answer=int)
    assert answers["count"]["confidence"] == near(own.confidence)


def test_the_tools_are_listed_and_called_by_name(url):
    names = [each["function"]["name"] for each in get(url, "/v1/tools").json()["data"]]
    assert {"describe_image", "answer_question", "load_image"} <= {*names}
    assert "red circle" in post(url, "/v1/tools/describe_image", {"image": DATA}).json()["text"]
    refused = post(url, "/v1/tools/paint_image", {"image": DATA})
    assert refused.status_code == 404 and refused.json()["error"]["code"] == "unknown_tool"


def test_what_an_image_costs_is_planned(url, vlm):
    found = post(url, "/v1/plan", {"image": DATA, "question": COLOR}).json()["data"]
    own = vlm.plan(SHAPES, question=COLOR)
    assert [each["resolution"] for each in found] == ["auto", "native"]
    assert (found[0]["tiles"], found[0]["prompt_tokens"]) == (own.tiles, own.prompt_tokens)


def test_figures_and_metrics_count_the_calls(url):
    def counted():
        text = get(url, "/metrics").text
        mine = [line for line in text.splitlines() if '"ollama_chat"' in line and "_total" in line]
        return sum(float(line.split()[-1]) for line in mine)

    before = counted()
    body = {"model": "embedded", "messages": [{"role": "user", "content": "Hello"}]}
    post(url, "/api/chat", body)
    post(url, "/api/chat", {**body, "think": True})
    assert counted() > before
    stats = get(url, "/v1/stats").json()
    assert stats["ended"] >= 2 and stats["failed"] >= 1 and stats["completion_tokens"] > 0
    assert stats["memory"]["resident_bytes"] > 0


def test_it_says_that_it_lives_and_that_it_is_ready(url):
    assert get(url, "/healthz").json()["status"] == "ok"
    assert get(url, "/readyz").json() == {"status": "ready"}


def test_mcp_is_served_beside(url):
    async def run():
        with anyio.fail_after(PATIENCE):
            async with Client(f"{url}/mcp") as client:
                asked = {"image": DATA, "question": COLOR}
                return await client.call_tool("answer_question", asked)

    assert anyio.run(run).structured_content["value"] == "red"


@pytest.mark.parametrize("path", ["/v1/models", "/api/tags", "/v1/stats", "/metrics", "/mcp"])
def test_without_the_token_nobody_comes_in(guarded, path):
    for headers in ({}, bearer("wrong"), {"Authorization": f"Basic {TOKEN}"}):
        answer = get(guarded, path, **headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        error = answer.json()["error"]
        assert isinstance(error, str) == path.startswith("/api/")
    assert get(guarded, "/v1/models", **bearer()).status_code == 200


def test_openais_client_sends_the_token(guarded):
    with openai_client(guarded, TOKEN) as client:
        assert client.models.list().data[0].id == "embedded"
    with openai_client(guarded, "wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_anybody_may_ask_whether_it_lives(guarded):
    assert get(guarded, "/healthz").status_code == 200
    assert get(guarded, "/").text == "smolvlm serve is running"
    assert CLIENT.head(guarded).status_code == 200


def preflight(url, origin):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return CLIENT.options(f"{url}/v1/chat/completions", headers=asked)


def test_no_site_may_use_it_unless_it_is_named(url, guarded):
    assert preflight(url, SITE).status_code == 403
    answer = preflight(guarded, SITE)
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    answer = get(guarded, "/v1/models", Origin=SITE, **bearer())
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    for path in ("/v1/models", "/api/tags"):
        answer = get(guarded, path, Origin="https://other.example", **bearer())
        assert answer.status_code == 403 and "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in get(url, "/v1/models", Origin=url).headers


def test_another_name_is_not_answered(url):
    for path in ("/v1/models", "/api/tags", "/", "/healthz"):
        answer = get(url, path, Host="rebound.example")
        assert answer.status_code == (200 if path == "/healthz" else 421)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_what_is_too_large_is_refused_before_it_is_read(url, path):
    answer = CLIENT.post(url + path, content=LARGE)
    assert answer.status_code == 413
    error = answer.json()["error"]
    assert isinstance(error, str) == (path == "/api/chat")


def test_openais_client_is_told_that_a_body_is_too_large(url):
    with openai_client(url) as client, pytest.raises(openai.APIStatusError) as caught:
        huge = "data:image/png;base64," + "A" * 28_000_000
        client.chat.completions.create(model="embedded", messages=[looking(COLOR, huge)])
    assert caught.value.status_code == 413


def test_what_is_not_there_and_how_it_is_not_asked_are_told(url):
    answer = get(url, "/v1/embeddings")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "not_found"
    answer = get(url, "/v1/chat/completions")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert get(url, "/api/chat").json()["error"].startswith("GET is not")
    assert CLIENT.delete(f"{url}/api/delete").status_code == 404
