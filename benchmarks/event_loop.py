"""Measures how late an event loop's heartbeat comes while the loop awaits work on pages.

    python -m benchmarks.event_loop --model embedded --pages 3

A task sleeps for a few milliseconds again and again and notes by how much it overslept, while the
same loop awaits what the LangChain and LlamaIndex adapters offer. The bound is 50 ms; exit code 1
says that some work stayed above it in every round.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from langchain_core.messages import HumanMessage
from langchain_smolvlm import ChatSmolVLM, SmolVLMLoader, SmolVLMToolkit
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.llms.smolvlm import SmolVLMLLM
from llama_index.readers.smolvlm import SmolVLMImageReader, SmolVLMTransform
from PIL import Image

from benchmarks.command import FAILED, Command
from benchmarks.paths import ROOT
from smolvlm_tools import ImagePolicy

BEAT = 0.005
LATEST = 0.050
RECEIPT = ROOT / "examples" / "images" / "receipt.png"
PAGE = (1654, 2339)
"""A4 at 200 dpi, in pixels."""


async def heartbeat(late: list[float]) -> None:
    """Note by how many seconds each beat comes late."""
    while True:
        due = time.perf_counter() + BEAT
        await asyncio.sleep(BEAT)
        late.append(time.perf_counter() - due)


async def measure(work: Callable[[], Awaitable[object]]) -> list[float]:
    """Lateness of the heartbeat while `work` runs, in seconds."""
    late: list[float] = []
    beating = asyncio.create_task(heartbeat(late))
    await asyncio.sleep(BEAT * 4)
    late.clear()
    await work()
    await asyncio.sleep(BEAT * 4)
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    return late


def write_pages(folder: Path, pages: int) -> tuple[Path, Path]:
    """A PDF document and an image of one page."""
    page = Image.open(RECEIPT).convert("RGB").resize(PAGE)
    document, image = folder / "pages.pdf", folder / "page.png"
    page.save(document, save_all=True, append_images=[page] * (pages - 1), resolution=200)
    page.save(image, compress_level=1)
    return document, image


def works(model: str, document: Path, image: Path) -> dict[str, Callable[[], Awaitable[object]]]:
    """The calls of the adapters to await, by name."""
    chat = ChatSmolVLM(model=model, max_new_tokens=64)
    transcribe = SmolVLMToolkit(model=model, policy=ImagePolicy(), names=["transcribe_image"])
    [tool] = transcribe.get_tools()
    asked = [HumanMessage([{"type": "image", "path": str(image)}, "Transcribe the text."])]
    short = {"max_new_tokens": 64}
    loader = SmolVLMLoader(document, model=model, options=short)
    reader = SmolVLMImageReader(model=model, mode="transcription", options=short)
    nodes = SmolVLMImageReader(mode="none").load_data(image)
    see = SmolVLMTransform(model=model, mode="caption", options=short)
    llm = SmolVLMLLM(model=model, max_new_tokens=64)
    blocks = [ImageBlock(path=image), TextBlock(text="Transcribe the text.")]

    async def stream() -> None:
        async for _ in chat.astream(asked):
            pass

    return {
        "chat.ainvoke": lambda: chat.ainvoke(asked),
        "chat.astream": stream,
        "tool.ainvoke": lambda: tool.ainvoke({"image": str(image), **short}),
        "loader.aload": loader.aload,
        "reader.aload": lambda: reader.aload_data(document),
        "transform.acall": lambda: see.acall(nodes),
        "llm.achat": lambda: llm.achat([ChatMessage(role="user", blocks=blocks)]),
    }


async def run(model: str, pages: int, rounds: int) -> bool:
    """Measure all work; whether each kept to the bound in at least one round."""
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        document, image = write_pages(Path(folder), pages)
        await ChatSmolVLM(model=model).ainvoke("Hello", max_new_tokens=1)  # load it
        print(f"{'work':<16}{'seconds':>9}{'beats':>7}{'median ms':>11}{'latest ms':>11}")
        for name, work in works(model, document, image).items():
            latest = []
            for _ in range(rounds):
                began = time.perf_counter()
                late = sorted(await measure(work))
                seconds = time.perf_counter() - began
                latest.append(late[-1])
                row = f"{late[len(late) // 2] * 1e3:>11.2f}{late[-1] * 1e3:>11.2f}"
                print(f"{name:<16}{seconds:>9.2f}{len(late):>7}{row}")
            kept = kept and min(latest) <= LATEST
    print(f"bound: {LATEST * 1e3:.0f} ms, {'kept' if kept else 'NOT kept'}")
    return kept


def _run(options: argparse.Namespace) -> int:
    return 0 if asyncio.run(run(options.model, options.pages, options.rounds)) else FAILED


main = Command("event_loop", __doc__, _run)
main.add_argument("--model", default="embedded")
main.add_argument("--pages", type=int, default=3, help="of the PDF document")
main.add_argument("--rounds", type=int, default=3)

if __name__ == "__main__":
    sys.exit(main())
