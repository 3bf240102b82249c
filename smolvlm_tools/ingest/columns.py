"""Records as rows of Parquet, and back.

| column | type |
|---|---|
| version, page, pages, picture | int32 |
| id, source, source_sha256, text_source, image_sha256, duplicate_of | string |
| model, revision, backend, precision, prompt_hash | string |
| bbox | list<double> |
| text | map<string, string> |
| confidence | map<string, double> |
| flags | list<string> |
| answers, fields | string: JSON, as in a line of JSONL |
| usage | struct<tiles, prompt_tokens, completion_tokens: int64> |
| check | struct of the fields of a `PageCheck`; words, lines and missing are lists of structs |
| error | struct<code, reason, remedy: string> |

The schema's metadata has the records' version under `smolvlm.record`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..errors import BadOptions
from ..types import Box, CheckedLine
from .page_check import PageCheck
from .record import FIELDS, VERSION, Record, as_json

VERSION_KEY = b"smolvlm.record"
_AS_JSON = ("answers", "fields")
_AS_MAP = ("text", "confidence")
_LONE = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")


def pyarrow() -> Any:
    """The library, with its part for Parquet.

    Raises:
        BadOptions: it is not installed.
    """
    try:
        from importlib import import_module

        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise BadOptions(
            f"Parquet needs pyarrow ({error})",
            "Run `pip install 'smolvlm-tools[parquet]'`, or write JSONL.",
        ) from error


def schema() -> Any:
    """The rows' schema."""
    pa = pyarrow()
    text, number = pa.string(), pa.int32()
    special = {
        **dict.fromkeys(("version", "page", "pages", "picture"), number),
        "bbox": pa.list_(pa.float64()),
        **dict.fromkeys(("start", "end"), pa.float64()),
        "text": pa.map_(text, text),
        "confidence": pa.map_(text, pa.float64()),
        "check": _check(pa),
        "flags": pa.list_(text),
        "usage": pa.struct(
            [(name, pa.int64()) for name in ("tiles", "prompt_tokens", "completion_tokens")]
        ),
        "error": pa.struct([(name, text) for name in ("code", "reason", "remedy")]),
    }
    columns = [(name, special.get(name, text)) for name in FIELDS]
    return pa.schema(columns, metadata={VERSION_KEY: str(VERSION).encode()})


def _check(pa: Any) -> Any:
    """The type of a `PageCheck`."""
    text, number, share = pa.string(), pa.int32(), pa.float64()
    box = pa.struct([(name, share) for name in Box.model_fields])
    placed = {"text": text, "box": box, "image": number}
    word = pa.struct({**placed, "confidence": share, "line": number}.items())
    line = {
        **dict.fromkeys(CheckedLine.model_fields, share),
        **dict.fromkeys(("text", "recognised", "left_out"), text),
        "supported": pa.bool_(),
        "words": pa.list_(pa.struct({**placed, "agreement": share}.items())),
    }
    fields = {
        **dict.fromkeys(PageCheck.model_fields, text),
        **dict.fromkeys(("width", "height"), number),
        **dict.fromkeys(("agreement", "confidence", "model_confidence"), share),
        "lines": pa.list_(pa.struct(line.items())),
        **dict.fromkeys(("words", "missing"), pa.list_(word)),
        "unsupported": pa.list_(text),
    }
    return pa.struct(fields.items())


def table_of(records: Iterable[Record]) -> Any:
    """Records as a table of `schema()`."""
    return pyarrow().Table.from_pylist([_row(record) for record in records], schema())


def record_of(row: Mapping[str, Any]) -> Record:
    """The record that a row of `Table.to_pylist` was made of."""
    data = dict(row)
    for name in _AS_JSON:
        data[name] = json.loads(data[name]) if data[name] is not None else None
    for name in _AS_MAP:
        data[name] = dict(data[name])
    return Record.model_validate(_each_text(data, raw))


def sound(text: str) -> str:
    r"""Text that is valid UTF-8: lone surrogates (bytes of file names that are none) as \udcXX."""
    return text.encode("utf-8", "backslashreplace").decode()


def raw(text: str) -> str:
    """What `sound` made a text of."""
    return _LONE.sub(lambda found: chr(int(found[1], 16)), text)


def _row(record: Record) -> dict[str, Any]:
    data = as_json(record)
    for name in _AS_JSON:
        data[name] = json.dumps(data[name], ensure_ascii=False) if data[name] is not None else None
    row = _each_text(data, sound)
    for name in _AS_MAP:
        row[name] = list(row[name].items())
    return row


def _each_text(value: Any, change: Any) -> Any:
    """A value of JSON with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {change(name): _each_text(each, change) for name, each in items}
    if isinstance(value, (list, tuple)):
        return [_each_text(each, change) for each in cast("list[Any]", value)]
    return value
