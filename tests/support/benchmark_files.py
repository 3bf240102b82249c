"""Tiny files in the forms in which the nine benchmarks are published, and a server of tables."""

from __future__ import annotations

import base64
import csv
import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.paths import SHAPES


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 16), colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = picture("red"), picture("blue")
SHAPES_PNG = SHAPES.read_bytes()


def text_of(image: bytes) -> str:
    return base64.b64encode(image).decode()


def table(rows: Sequence[dict[str, str]]) -> bytes:
    """As pandas writes it with a tab as separator."""
    file = io.StringIO()
    head = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(file, head, restval="", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


_CHOICE = {
    "question": "What is it?",
    "A": "cat",
    "B": "dog",
    "C": "cow",
    "answer": "B",
    "category": "animals",
}
TABLES: dict[str, list[dict[str, str]]] = {
    "docvqa": [
        {"index": "7", "question": "Which\nyear?", "answer": "['1998', \"'98\"]", "docId": "1"},
        {"index": "8", "image": "7", "question": "Who?", "answer": "['Ann']", "docId": "1"},
    ],
    "textvqa": [{"index": "0", "question": "What brand?", "answer": f"{['nokia'] * 10}"}],
    "chartqa": [{"index": "0", "question": "How many?", "answer": "14", "split": "test_human"}],
    "ocrbench": [
        {
            "index": "0",
            "question": "what is written in the image?",
            "answer": "['CENTRE']",
            "category": "Regular Text Recognition",
        }
    ],
    "ai2d": [{"index": "0", **_CHOICE, "D": "hen"}],
    "scienceqa": [
        {"index": "0", **_CHOICE, "hint": "Look.", "split": "test"},
        {"index": "1", **_CHOICE, "hint": "", "split": "test", "image": ""},
    ],
    "mmstar": [{"index": "0", **_CHOICE, "l2_category": "pets"}],
    "mmmu": [
        {"index": "1", **_CHOICE, "split": "dev"},
        {
            "index": "2",
            "question": "Compare <image 1> and <image 2>.",
            **{"A": "same", "B": "other", "answer": "B", "category": "Art", "split": "validation"},
            "image": f"{[text_of(RED), text_of(BLUE)]}",
            "image_path": "['2_1.jpg', '2_2.jpg']",
        },
        {
            "index": "3",
            "question": "How long is <image 1>?",
            **{"answer": "12", "category": "Physics", "split": "validation"},
        },
    ],
    "mathvista": [
        {
            "index": "1",
            "question": "Hint: Please answer the question and provide the correct option letter, "
            "e.g., A, B, C, D, at the end.\nQuestion: Which?\nChoices:\n(A) 2\n(B) 3",
            **{"answer": "3", "answer_option": "B", "choices": "['2', '3']"},
            **{"question_type": "multi_choice", "answer_type": "text", "task": "figure"},
        },
        {
            "index": "2",
            "question": "Hint: Please answer with an integer.\nQuestion: How many?",
            **{"answer": "7", "answer_option": "", "choices": ""},
            **{"question_type": "free_form", "answer_type": "integer", "task": "counting"},
        },
    ],
}
"""Rows of VLMEvalKit's tables; those without an image get one."""


def write_table(folder: Path, task: str) -> Path:
    rows = [{**row, "image": row.get("image", text_of(SHAPES_PNG))} for row in TABLES[task]]
    path = folder / f"{task}.tsv"
    path.write_bytes(table(rows))
    return path


def _image(content: bytes = SHAPES_PNG) -> dict[str, Any]:
    return {"bytes": content, "path": "1.png"}


HUB_ROWS: dict[str, list[dict[str, Any]]] = {
    "docvqa": [
        {
            **{"questionId": "49153", "question": "Which year?", "question_types": ["figure"]},
            **{"image": _image(), "docId": 14465, "answers": ["1998", "'98"]},
        }
    ],
    "textvqa": [
        {
            **{"image_id": "a", "question_id": 34602, "question": "What brand?"},
            **{"image": _image(), "answers": ["nokia"] * 10},
        }
    ],
    "chartqa": [{"type": "human_test", "question": "How many?", "answer": "14", "image": _image()}],
    "ocrbench": [
        {
            **{"dataset": "IIIT5K", "question": "what is written in the image?"},
            **{"question_type": "Regular Text Recognition", "answer": ["CENTRE"]},
            "image": _image(),
        }
    ],
    "ai2d": [
        {"question": "What is it?", "options": ["cat", "dog"], "answer": "1", "image": _image()}
    ],
    "scienceqa": [
        {
            **{"image": _image(), "question": "What is it?", "choices": ["cat", "dog"]},
            **{"answer": 1, "hint": "Look.", "topic": "biology"},
        },
        {
            **{"image": None, "question": "What is it?", "choices": ["cat", "dog"]},
            **{"answer": 1, "hint": "", "topic": "biology"},
        },
    ],
    "mmstar": [
        {
            "index": 0,
            "question": "What is it?\nOptions: A: cat, B: dog, C: cow, D: hen",
            **{"image": SHAPES_PNG, "answer": "B", "category": "animals", "l2_category": "pets"},
        }
    ],
    "mmmu": [
        {
            **{"id": "validation_Art_Theory_1", "question": "Compare <image 1> and <image 2>."},
            **{"options": "['same', 'other']", "answer": "B", "question_type": "multiple-choice"},
            **{"image_1": _image(RED), "image_2": _image(BLUE), "image_3": None},
        },
        {
            **{"id": "validation_Physics_2", "question": "How long is <image 1>?"},
            **{"options": "[]", "answer": "12", "question_type": "open"},
            **{"image_1": _image(), "image_2": None, "image_3": None},
        },
    ],
    "mathvista": [
        {
            **{"pid": "1", "query": TABLES["mathvista"][0]["question"], "image": "images/1.jpg"},
            **{"decoded_image": _image(), "choices": ["2", "3"], "answer": "3"},
            **{"question_type": "multi_choice", "answer_type": "text"},
            "metadata": {"task": "figure"},
        },
        {
            **{"pid": "2", "query": TABLES["mathvista"][1]["question"], "image": "images/2.jpg"},
            **{"decoded_image": _image(), "choices": None, "answer": "7"},
            **{"question_type": "free_form", "answer_type": "integer"},
            "metadata": {"task": "counting"},
        },
    ],
}
"""Rows of the hub's data sets."""


def parquet_of(task: str) -> bytes:
    import pyarrow
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(HUB_ROWS[task]), file)
    return file.getvalue()


class Tables:
    """A running server of tables.

    Attributes:
        files: by their names.
        cut: bytes after which it breaks off; None for never.
        ranges: the headers `Range` that came, "" for none.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.cut: int | None = None
        self.ranges: list[str] = []

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        content = self.files.get(request.path.rpartition("/")[2])
        asked = request.headers.get("Range", "")
        self.ranges.append(asked)
        if content is None:
            request.send_error(404)
            return
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        request.wfile.write(content[begin : self.cut])


@contextmanager
def serving(tables: Tables) -> Iterator[str]:
    """The address of a loopback server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tables.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/VLMEval"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
