"""Ways into the package from Python and from the command line, each as one thing to attack."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolvlm_tools import SmolVLM
from smolvlm_tools.images import ImagePolicy, load_image

from .answer import Answer, failed, works
from .case import Sent
from .paths import GOOD

TOKENS = 4
"""Of every reply: long enough for what can go wrong, short enough for a thousand cases."""

Go = Callable[[], Answer]


@dataclass
class Order:
    """A case as it arrives in the process that is attacked.

    Attributes:
        sent: what was sent.
        file: of its data, in a folder that may be read.
        pages, size: see `Case`.
    """

    sent: Sent
    file: str | None = None
    pages: str | None = None
    size: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Any:
        """What names or is the image."""
        if self.sent.data is not None:
            return self.sent.data
        return GOOD if self.sent.text is None else self.sent.text

    @property
    def asked(self) -> dict[str, Any]:
        """Options of the request."""
        pages = {} if self.pages is None else {"pages": self.pages}
        return {"max_new_tokens": TOKENS, **pages, **self.sent.options}


class Python:
    """`SmolVLM.ask`, and the tools by name."""

    def __init__(self, policy: ImagePolicy | None) -> None:
        from smolvlm_tools.tools import Toolbox

        self._policy = policy or ImagePolicy()
        self._vlm = SmolVLM.load("embedded", policy=self._policy)
        self._toolbox = Toolbox(self._vlm, policy=policy)

    def prepare(self, order: Order) -> Go:
        sent = order.sent
        if sent.arguments is not None or sent.tool != "describe_image":
            return lambda: works(str(self._toolbox.call(sent.tool, sent.arguments)))
        return lambda: self._ask(order)

    def _ask(self, order: Order) -> Answer:
        result = self._vlm.ask(order.source, order.sent.question, **order.asked)
        if order.size is not None:
            found = load_image(order.source, self._policy).size
            if found != tuple(order.size):
                return Answer("wrong_size", f"{found} instead of {order.size}")
        return works(result.text)


class Decode:
    """The first page of a file or document, decoded; no model."""

    def __init__(self, policy: ImagePolicy) -> None:
        self._policy = policy

    def prepare(self, order: Order) -> Go:
        return lambda: self._decode(order)

    def _decode(self, order: Order) -> Answer:
        from smolvlm_tools.pages import open_pages

        with open_pages(order.source, self._policy) as pages:
            image = load_image(pages.encoded(1), self._policy)
        return works(f"{image.size} {image.pixels.mode}")


class Cli:
    """`smolvlm ask` in this process."""

    def prepare(self, order: Order) -> Go:
        source = order.file or order.source
        pages = [] if order.pages is None else ["--pages", order.pages]
        given = ["--model", "embedded", "--json", "--max-new-tokens", str(TOKENS), *pages]
        return lambda: self.run(["ask", *given, "--", source, order.sent.question])

    def run(self, arguments: list[str]) -> Answer:
        from smolvlm_tools.cli.run import run

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
        return told_by_command(code, out.getvalue(), err.getvalue())


def told_by_command(code: int, out: str, err: str) -> Answer:
    """What `--json` printed, or the line on stderr where nothing was."""
    if "Traceback" in err:
        return Answer("raw", err[-300:], err[-1_500:])
    try:
        told = json.loads(out) if out.strip() else None
    except ValueError:
        return Answer("raw", "stdout is not JSON", out[-1_500:])
    entry = told[0] if isinstance(told, list) else told
    if entry and "error" in entry:
        return Answer(entry["error"]["code"], err)
    if code == 0 and entry:
        return works(entry["text"])
    known = {2: "bad_options", 3: "bad_input", 4: "model_error", 6: "incomplete_answer"}
    return Answer(known.get(code, "raw"), err or f"exit code {code}")


class LangChain:
    """`ChatSmolVLM` as it is made by default."""

    def __init__(self) -> None:
        from langchain_smolvlm import ChatSmolVLM

        self._chat = ChatSmolVLM(model="embedded", max_new_tokens=TOKENS)

    def prepare(self, order: Order) -> Go:
        from langchain_core.messages import HumanMessage

        sent = order.sent
        blocks = sent.blocks
        if blocks is None:
            text = {"type": "text", "text": sent.question}
            blocks = [{**_block(order), **_pages(order)}, text]
        message = HumanMessage(blocks)
        return lambda: works(self._chat.invoke([message], **sent.options).text)


def _pages(order: Order) -> dict[str, Any]:
    return {} if order.pages is None else {"pages": order.pages}


def _block(order: Order) -> dict[str, Any]:
    import base64

    sent = order.sent
    if sent.data is not None:
        encoded = base64.b64encode(sent.data).decode()
        if sent.suffix == ".pdf":
            return {"type": "file", "base64": encoded, "mime_type": "application/pdf"}
        return {"type": "image", "base64": encoded, "mime_type": "application/octet-stream"}
    text = order.source
    if sent.mime and not text.lstrip()[:5].lower() == "data:":
        return {"type": "image", "base64": text, "mime_type": sent.mime}
    if "://" in text or sent.mime:
        return {"type": "image_url", "image_url": {"url": text}}
    return {"type": "image", "path": text}


class LlamaIndex:
    """`SmolVLMLLM` as it is made by default."""

    def __init__(self) -> None:
        from llama_index.llms.smolvlm import SmolVLMLLM

        self._llm = SmolVLMLLM(model="embedded", max_new_tokens=TOKENS)

    def prepare(self, order: Order) -> Go:
        from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock

        sent, text = order.sent, order.source
        if sent.data is not None:
            image = ImageBlock(image=sent.data)
        elif sent.mime and not text.lstrip()[:5].lower() == "data:":
            image = ImageBlock(image=text.encode())
        elif "://" in text or sent.mime:
            image = ImageBlock(url=text)
        else:
            image = ImageBlock(path=text)
        blocks = [image, TextBlock(text=sent.question)]
        message = ChatMessage(blocks=blocks, additional_kwargs=_pages(order))
        return lambda: works(self._llm.chat([message], **sent.options).message.content)


class LlamaReader:
    """`SmolVLMImageReader` over one file."""

    def prepare(self, order: Order) -> Go:
        from llama_index.readers.smolvlm import SmolVLMImageReader

        options = {"max_new_tokens": TOKENS}
        reader = SmolVLMImageReader(
            model="embedded", mode="caption", options=options, pages=order.pages, keep_image=False
        )
        source = order.file or order.source
        return lambda: works(reader.load_data(source)[0].text)


class Ingest:
    """A run over one file; documents of several pages are read without the model."""

    def __init__(self) -> None:
        self._engine = SmolVLM.load("embedded")

    def prepare(self, order: Order) -> Go:
        folder = Path(tempfile.mkdtemp(prefix="hostile-"))

        def go() -> Answer:
            try:
                return self._run(order, folder / "records.jsonl")
            finally:
                shutil.rmtree(folder)

        return go

    def _run(self, order: Order, out: Path) -> Answer:
        from smolvlm_tools.ingest import Wish, ingest

        options = {**order.asked}
        options.pop("pages", None)
        if order.pages is not None:
            wish = Wish(tasks=("transcription",), text="layer")
        else:
            wish = Wish(tasks=(), questions={"q": order.sent.question}, options=options)
        ingest(order.file or order.source, out, engine=self._engine, wish=wish)
        records = [json.loads(line) for line in out.read_text().splitlines()]
        if not records:
            return Answer("image_not_found", "no record")
        sound = [each for each in records if not each["error"]]
        if sound:
            return works(str(sound[0]["text"]))
        error = records[0]["error"]
        return Answer(error["code"], f"{error['reason']} {error['remedy']}")


def attempt(go: Go) -> Answer:
    """What a surface does, whatever it raises."""
    try:
        return go()
    except (Exception, SystemExit, RecursionError) as error:  # what is raised is what we look for
        return failed(error)
