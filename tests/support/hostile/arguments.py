"""Arguments of tools, blocks of messages and lines of JSON-RPC that fit no schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from smolvlm_tools.errors import BadArguments, SchemaNotSupported, UnknownTool

from .case import ANY, TYPED, WORKS, Case, Sent, codes
from .paths import GOOD

RPC = frozenset({"rpc"})
"""Stands for an error of JSON-RPC, or a status of HTTP that says the request was bad."""

_TOOLS = frozenset({"python", "mcp-stdio", "mcp-http"})
_MCP = frozenset({"mcp-stdio", "mcp-http"})
_CHAT = frozenset({"langchain"})


def nested(depth: int, inner: Any = 1, key: str | None = None) -> Any:
    for _ in range(depth):
        inner = [inner] if key is None else {key: inner}
    return inner


def cases() -> Iterator[Case]:
    yield from _arguments()
    yield from _schemas()
    yield from _blocks()
    yield from _lines()


def _arguments() -> Iterator[Case]:
    good = {"image": GOOD}
    wrong: dict[str, Any] = {
        "nothing": {},
        "null": None,
        "a list": [1, 2],
        "a number": 7,
        "text that is not JSON": "{",
        "text of JSON": '"x"',
        "an image that is null": {"image": None},
        "an image that is a number": {"image": 7},
        "an image that is an object": {"image": {"path": "/etc/passwd"}},
        "an image that is a list": {"image": [GOOD]},
        "an empty image": {"image": ""},
        "image and images": {**good, "images": [GOOD]},
        "no images": {"images": []},
        "100,000 images": {"images": [GOOD] * 100_000},
        "images of numbers": {"images": [1, None, {}]},
        "an unknown field": {**good, "path": "/etc/passwd"},
        "a field of 1 MB": {**good, "a" * 1_000_000: 1},
        "100,000 fields": {**good, **{f"f{number}": number for number in range(100_000)}},
        "max_new_tokens 10^9": {**good, "max_new_tokens": 10**9},
        "max_new_tokens 10^400": {**good, "max_new_tokens": 10**400},
        "max_new_tokens -1": {**good, "max_new_tokens": -1},
        "max_new_tokens as text": {**good, "max_new_tokens": "ten"},
        "max_new_tokens 1e308": {**good, "max_new_tokens": 1e308},
        "a context of 1 MB": {**good, "context": "x" * 1_000_000},
        "a context of surrogates": {**good, "context": "\ud800\udfff"},
        "an image of surrogates": {"image": "\ud800"},
        "a context of NUL": {**good, "context": "\0" * 100},
        "pages of 1 MB": {**good, "pages": "1," * 500_000},
        "pages that never end": {**good, "pages": "1-99999999999999999999"},
        "min_confidence 10^400": {**good, "min_confidence": 10**400},
        "detail that is unknown": {**good, "detail": "x" * 10_000},
        "100 levels": {**good, "context": nested(100)},
        "900 levels of objects": {**good, "context": nested(900, key="a")},
    }
    for name, given in wrong.items():
        make = _calling("describe_image", given)
        yield Case(f"arguments: {name}", "arguments", make, ANY, _TOOLS)
    for tool in (
        "",
        "no_such_tool",
        "../describe_image",
        "describe_image\0",
        "x" * 1_000_000,
        "\ud800",
    ):
        told = tool.encode("unicode_escape").decode()[:30]
        allowed = codes(UnknownTool, BadArguments)
        yield Case(f"tool {told!r}", "arguments", _calling(tool, good), allowed, _TOOLS)
    questions = [{"name": f"q{number}", "question": "What?"} for number in range(5_000)]
    make = _calling("answer_questions", {**good, "questions": questions})
    yield Case("arguments: 5,000 questions", "arguments", make, codes(BadArguments), _TOOLS)
    same = [{"name": "q", "question": "What?"}] * 2
    make = _calling("answer_questions", {**good, "questions": same})
    yield Case("arguments: a question twice", "arguments", make, ANY, _TOOLS)


def _calling(tool: str, given: Any):
    return lambda: Sent(tool=tool, arguments=given)


def _schemas() -> Iterator[Case]:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(150):
        deep = {"type": "object", "properties": {"x": deep}, "required": ["x"]}
    wide = {"type": "object", "properties": {f"f{n}": {"type": "string"} for n in range(5_000)}}
    schemas: dict[str, Any] = {
        "no schema": None,
        "of an unknown type": {"type": "nut"},
        "150 deep": deep,
        "of 5,000 fields": wide,
        "that refers to the web": {"$ref": "http://169.254.169.254/schema"},
        "that refers to a file": {"$ref": "file:///etc/passwd"},
        "that refers to itself": {"$ref": "#"},
        "of a ring of references": {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        },
        "with a slow pattern": {"type": "string", "pattern": "^(a+)+$"},
        "with a pattern of 100 kB": {"type": "string", "pattern": "(a|b)" * 20_000},
        "with a broken pattern": {"type": "string", "pattern": "("},
        "of 100,000 choices": {"enum": [f"choice {n}" for n in range(100_000)]},
        "of no choice": {"enum": []},
        "of lists of 10^9": {"type": "array", "items": {"type": "string"}, "minItems": 10**9},
        "of texts of 10^9": {"type": "string", "minLength": 10**9},
        "of alternatives, 20 levels of 4": _fan(20),
        "of a number beyond doubles": {"type": "number", "minimum": 10**400},
        "that is a list": [{"type": "string"}],
        "that is true": True,
    }
    allowed = codes(SchemaNotSupported, BadArguments, WORKS, "incomplete_answer", "bad_options")
    for name, schema in schemas.items():
        given = {"image": GOOD, "schema": schema, "max_new_tokens": 8}
        make = _calling("extract_fields", given)
        yield Case(f"schema {name}", "arguments", make, allowed | TYPED, _TOOLS)


def _fan(levels: int) -> dict[str, Any]:
    """Alternatives that all lead to the level below: 4^20 ways, were each followed."""
    below = [{"$ref": f"#/$defs/d{level + 1}"} for level in range(levels)]
    defs: dict[str, Any] = {f"d{level}": {"anyOf": [below[level]] * 4} for level in range(levels)}
    defs[f"d{levels}"] = {"type": "string"}
    return {"$ref": "#/$defs/d0", "$defs": defs}


def _blocks() -> Iterator[Case]:
    wrong: dict[str, Any] = {
        "of no type": [{}],
        "of an unknown type": [{"type": "video", "url": "http://127.0.0.1/"}],
        "image without one": [{"type": "image"}],
        "image whose base64 is a number": [
            {"type": "image", "base64": 7, "mime_type": "image/png"}
        ],
        "image whose base64 is bytes": [{"type": "image", "source": {"data": ["a"]}}],
        "image whose url is a list": [{"type": "image_url", "image_url": ["http://127.0.0.1/"]}],
        "image whose url is null": [{"type": "image_url", "image_url": {"url": None}}],
        "image whose path is a number": [{"type": "image", "path": 0}],
        "image by file id": [{"type": "image", "file_id": "/etc/passwd"}],
        "image by url that is a path": [{"type": "image_url", "image_url": "/etc/passwd"}],
        "text that is a number": [{"type": "text", "text": 7}],
        "text of a lone surrogate": [{"type": "text", "text": "\ud800"}],
        "JSON of a lone surrogate": [{"type": "json", "json": "\ud800"}],
        "JSON of 900 levels": [{"type": "json", "json": nested(900)}],
        "non_standard x450": [nested_blocks(450)],  # JSON brings no more to the host
        "non_standard of nothing": [{"type": "non_standard", "value": {}}],
        "pages of a list": [{"type": "image", "path": GOOD, "pages": [1, 2]}],
        "pages of 10^400": [{"type": "image", "path": GOOD, "pages": 10**400}],
        "mime type of 1 MB": [{"type": "file", "path": GOOD, "mime_type": "a" * 1_000_000}],
        "mime type that is a number": [{"type": "file", "base64": "AAAA", "mime_type": 7}],
        "1,000 texts": [{"type": "text", "text": "x"}] * 1_000,
        "300 images": [{"type": "image", "path": GOOD}] * 300,
        "tool call of nothing": [{"type": "tool_call"}],
        "type of 1 MB": [{"type": "x" * 1_000_000}],
    }
    for name, given in wrong.items():
        make = _showing(given)
        yield Case(f"block: {name}", "blocks", make, ANY, _CHAT)


def _showing(given: Any):
    return lambda: Sent(blocks=given)


def nested_blocks(depth: int) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(depth):
        block = {"type": "non_standard", "value": block}
    return block


def _lines() -> Iterator[Case]:
    call = {"name": "load_image", "arguments": {"image": GOOD}}
    good = json.dumps({"jsonrpc": "2.0", "id": 777, "method": "tools/call", "params": call})
    deep = '{"jsonrpc":"2.0","id":777,"method":"tools/call","params":%s}'
    wrong = {
        "broken JSON": good[:-2],
        "no JSON": "hello",
        "an empty list": "[]",
        "a list of messages": f"[{good}]",
        "a number": "7",
        "null": "null",
        "200 levels": deep % ("[" * 200 + "]" * 200),
        "100,000 levels": deep % ("[" * 100_000 + "]" * 100_000),
        "100,000 open brackets": "[" * 100_000,
        "a lone surrogate": good.replace(GOOD, "\\ud800"),
        "a lone surrogate as method": good.replace("tools/call", "\\udfff"),
        "an unknown method": good.replace("tools/call", "tools/none"),
        "another version": good.replace('"2.0"', '"1.0"'),
        "no version": good.replace('"jsonrpc": "2.0", ', ""),
        "params that are a list": deep % "[1]",
        "params that are text": deep % '"x"',
        "an id that is an object": good.replace("777", '{"a": 1}'),
        "an id of 10^400": good.replace("777", "1" + "0" * 400),
        "an id that is null": good.replace("777", "null"),
        "NaN": good.replace(f'"{GOOD}"', "NaN"),
        "a key twice": good.replace('"id": 777', '"id": 777, "id": 777'),
        "NUL": good.replace(GOOD, "\\u0000"),
        "a number of 100,000 digits": good.replace(f'"{GOOD}"', "9" * 100_000),
        "a BOM": "\ufeff" + good,
        "a task": good.replace('"name"', '"task": {"ttl": -1}, "name"'),
        "a progress token of 1 MB": good.replace(
            '"name"', '"_meta": {"progressToken": "%s"}, "name"' % ("x" * 1_000_000)
        ),
    }
    for name, line in wrong.items():
        make = _writing(line)
        yield Case(f"line: {name}", "line", make, ANY | RPC, _MCP)


def _writing(line: str):
    return lambda: Sent(line=line)
