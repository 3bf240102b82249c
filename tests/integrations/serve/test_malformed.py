"""No body that a client can send makes the server fail: every route refuses it by a 4xx."""

from __future__ import annotations

import pytest
from smolvlm_serve.app import ROUTES

from tests.support.serve_clients import CLIENT, COUNT, DATA, post

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
POSTS = sorted({path for method, path, _, _ in ROUTES if method == "POST"})
COUNTING = [path for path in POSTS if path.endswith("/input_tokens")]
NO_FORM = [path for path in POSTS if path != "/v1/files"]

NEVER_JSON = {
    "nothing": b"",
    "text": b"hello",
    "half": b'{"model": "embedded"',
    "not UTF-8": b'{"model": "\xff"}',
    "UTF-16": '{"model": "embedded"}'.encode("utf-16"),
    "NUL": b"\0",
    "half a character": rb'{"model": "\ud800"}',
    "half a character as a name": rb'{"\udfff": 1}',
    "NaN": b'{"model": "embedded", "temperature": NaN}',
    "infinity": b'{"model": "embedded", "temperature": -Infinity}',
    "very deep": b"[" * 100_000,
    "a number of 5000 digits": b'{"seed": ' + b"9" * 5000 + b"}",
    "a list": b"[]",
    "null": b"null",
    "a text in JSON": b'"model"',
    "a number": b"1e999",
}
NEVER_A_FORM = {
    "no boundary": ({"Content-Type": "multipart/form-data"}, b"x"),
    "nothing": (FORM, b""),
    "no end": (
        FORM,
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
    ),
    "no file": (FORM, b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\na\r\n--x--'),
    "a text as the file": (
        FORM,
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--',
    ),
    "an empty file": (
        FORM,
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--x--',
    ),
    "no name": (FORM, b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"),
    "garbage": (FORM, b"\r\n\0\xff" * 50),
    "two files": (
        FORM,
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\na\r\n'
        b'--x\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\na\r\n--x--',
    ),
    "an odd charset": (
        {"Content-Type": "multipart/form-data; boundary=x; charset=nonsense"},
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\na\r\n--x--',
    ),
    "JSON": (JSON, b"{}"),
}
MESSAGES = [
    None,
    {},
    "hello",
    [],
    [None],
    ["hello"],
    [[]],
    [{}],
    [{"role": []}],
    [{"role": {"a": 1}, "content": "x"}],
    [{"role": "tool", "content": "x"}],
    [{"role": "user"}],
    [{"role": "user", "content": 3}],
    [{"role": "user", "content": [3]}],
    [{"role": "user", "content": [{"type": []}]}],
    [{"role": "user", "content": [{"type": "text", "text": 3}]}],
    [{"role": "user", "content": [{"type": "image_url"}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 3}}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "img:nothing"}}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file-nothing"}}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc"}}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://["}}]}],
    [{"role": "user", "content": [{"type": "file", "file": []}]}],
    [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
    [{"role": "assistant", "content": "x", "tool_calls": [1]}],
    [{"role": "user", "content": "x", "images": "abc"}],
    [{"role": "user", "content": "x", "images": [3]}],
    [{"role": "user", "content": "x", "images": ["data:;base64,=="]}],
    [{"role": "user", "content": "word " * 9000}],
]
"""Some are an empty or usual conversation in one API or the other."""
OPTIONS = [
    {"temperature": "hot"},
    {"temperature": 1e300},
    {"temperature": [1]},
    {"top_p": 0},
    {"top_p": 7},
    {"top_k": -1},
    {"seed": 1.5},
    {"seed": "x"},
    {"stream": "perhaps"},
    {"stop": {"a": 1}},
    {"stop": [1]},
    {"stop": [""]},
    {"max_tokens": -1},
    {"max_tokens": 10**30},
    {"max_tokens": 1.5},
    {"response_format": "json"},
    {"response_format": {"type": ["json_object"]}},
    {"response_format": {"type": "json_schema"}},
    {"response_format": {"type": "json_schema", "json_schema": 3}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "none"}}}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/x"}}}},
    {"response_format": {"type": "json_object"}, "stop": ["a"]},
    {"model": 3},
    {"model": "x" * 10_000},
    {"n": 0},
    {"n": "many"},
    {"logit_bias": {"3": 1}},
    {"modalities": ["audio"]},
    {"resolution": "huge"},
    {"resolution": 10**9},
    {"resolution": [1]},
    {"pages": "none"},
    {"pages": [1]},
    {"min_confidence": 2},
    {"repetition_guard": "maybe"},
    {"tool_choice": "required"},
    {"x" * 5000: 1},
]


def refused(answer):
    """Its status is one of a client's faults, and its body says so as the API does."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    error = answer.json()["error"]
    assert isinstance(error, str) == answer.request.url.path.startswith("/api/")
    message = error if isinstance(error, str) else error["message"]
    assert message and "Traceback" not in message and len(message) < 2000


@pytest.mark.parametrize("body", NEVER_JSON.values(), ids=NEVER_JSON)
@pytest.mark.parametrize("path", POSTS)
def test_what_is_no_object_in_json_is_refused_everywhere(url, path, body):
    for headers in (JSON, {}, FORM):
        if "cancel" not in path:
            refused(CLIENT.post(url + path, content=body, headers=headers))


@pytest.mark.parametrize(("headers", "body"), NEVER_A_FORM.values(), ids=NEVER_A_FORM)
def test_what_is_no_form_with_a_file_is_refused(url, headers, body):
    refused(CLIENT.post(f"{url}/v1/files", content=body, headers=headers))


@pytest.mark.parametrize("path", [path for path in NO_FORM if path not in COUNTING])
def test_an_object_that_says_nothing_is_refused_everywhere(url, path):
    for body in ({}, {"model": None}, {"nonsense": 1}, {"model": "embedded", "input": {}}):
        refused(post(url, path.replace("{name}", "nothing"), body))


@pytest.mark.parametrize("messages", MESSAGES, ids=repr)
def test_a_conversation_that_means_nothing_is_refused(url, messages):
    ours = isinstance(messages, list) and messages and isinstance(messages[0], dict)
    said = ours and messages[0].get("content") == "x"
    if not (said and "images" in messages[0]):  # which only Ollama looks at
        refused(post(url, "/v1/chat/completions", {"messages": messages}))
        if messages is not None and not isinstance(messages, str):
            refused(post(url, "/v1/responses", {"input": messages}))
    empty = not messages or (ours and messages[0].get("role") == "user" and len(messages[0]) == 1)
    if not empty:  # which loads the model there, or asks it nothing
        body = {"model": "embedded", "messages": messages, "stream": False}
        refused(post(url, "/api/chat", body))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: repr(options)[:60])
def test_an_option_that_means_nothing_is_refused(url, options):
    messages = [{"role": "user", "content": "Hello"}]
    for streams in ({}, {"stream": True}):
        body = {"messages": messages} | streams | options
        refused(post(url, "/v1/chat/completions", body))
    rest = {
        "max_output_tokens" if name == "max_tokens" else name: options[name] for name in options
    }
    if rest.keys().isdisjoint({"response_format", "stop"}):
        refused(post(url, "/v1/responses", {"input": "Hello"} | rest))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/decide", {"image": DATA}),
        ("/v1/decide", {"image": 3, "questions": []}),
        ("/v1/decide", {"image": DATA, "model": []}),
        ("/v1/decide", {"images": {"a": 1}, "questions": [{"name": "a", "question": "b"}]}),
        ("/v1/tools/describe_image", {"image": "file-nothing"}),
        ("/v1/tools/describe_image", {"image": DATA, "unknown": 1}),
        ("/v1/tools/nothing", {"image": DATA}),
        ("/v1/tools/describe_image?model=nothing", {"image": DATA}),
        ("/v1/tools/extract_fields", {"image": DATA, "schema": {"type": "nonsense"}}),
        ("/v1/plan", {"image": DATA, "page": 0}),
        ("/v1/plan", {"image": DATA, "page": 10**30}),
        ("/v1/plan", {"image": DATA, "resolutions": []}),
        ("/v1/plan", {"image": DATA, "resolutions": ["huge"]}),
        ("/v1/plan", {"image": DATA, "resolutions": [0]}),
        ("/v1/plan", {"image": "http://[", "question": "a"}),
        ("/v1/responses/nothing/cancel", {}),
        ("/v1/responses", {"input": "a", "metadata": {"a": 1}}),
        ("/v1/responses", {"input": "a", "metadata": {str(n): "a" for n in range(17)}}),
        ("/v1/responses", {"input": "a", "text": {"format": "json"}}),
        ("/v1/responses", {"input": "a", "text": {"format": {"type": "json_schema"}}}),
        ("/v1/responses", {"input": "a", "include": "x"}),
        ("/v1/responses", {"input": [{"type": [], "role": "user", "content": "a"}]}),
        ("/v1/responses", {"input": [{"type": "item_reference", "id": "a"}]}),
        ("/v1/responses", {"input": "a", "previous_response_id": ["a"]}),
        ("/v1/responses", {"input": "a", "background": "perhaps"}),
        ("/api/chat", {"model": "embedded", "messages": [], "keep_alive": 0}),
        ("/api/chat", {"model": "embedded", "options": [1]}),
        ("/api/chat", {"model": "embedded", "options": {"repeat_penalty": [1]}}),
        ("/api/chat", {"model": "embedded", "options": {"stop": 1}}),
        ("/api/chat", {"model": "embedded", "format": [COUNT]}),
        ("/api/show", {}),
        ("/api/show", {"model": "nothing"}),
        ("/api/generate", {"model": "embedded", "prompt": ["a"]}),
        ("/api/generate", {"model": "embedded", "prompt": "a", "images": "a"}),
        ("/api/generate", {"model": "embedded", "prompt": "a", "images": [""]}),
    ],
)
def test_what_one_route_alone_cannot_use_is_refused(url, path, body):
    refused(post(url, path, body))


def test_the_server_still_answers(url):
    body = {"messages": [{"role": "user", "content": "Hello"}]}
    assert post(url, "/v1/chat/completions", body).status_code == 200


def test_a_remedy_names_nothing_that_only_python_has(url):
    answer = post(url, "/v1/tools/describe_image", {"image": "/etc/passwd"})
    assert answer.status_code == 403
    message = answer.json()["error"]["message"]
    assert "Use a file inside an allowed folder" in message
    assert "ImagePolicy" not in message and "policy" not in message
