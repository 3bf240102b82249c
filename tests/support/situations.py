"""Situations that each end in an error of their own."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from PIL import Image

import smolvlm_tools.errors as errors
from smolvlm_tools import (
    ImagePolicy,
    SmolVLM,
    load_image,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.finetune.data import read_split
from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.train import finetune
from smolvlm_tools.ingest import Ledger
from smolvlm_tools.pages import open_pages
from smolvlm_tools.tools import Toolbox
from tests.support.chat_servers import chat_server, refuses, stalls
from tests.support.documents import encrypted, tiff
from tests.support.gated import GatedBackend
from tests.support.lessons import split
from tests.support.lora import change_tensors_of
from tests.support.requests import HELLO
from tests.support.workers import read_form_without_end


@contextmanager
def site(answer):
    """A loopback server that answers GET with `answer(handler)`; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/picture.png"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def engine(here, backend=FakeBackend, **options) -> SmolVLM:
    checkpoint = open_checkpoint(here.model)
    model = FakeBackend(checkpoint.config, [5]) if backend is FakeBackend else backend(checkpoint)
    return SmolVLM(checkpoint, model, **options)


def copy_of(here, name="copy"):
    return shutil.copytree(here.model, here.folder / name)


def a_missing_file(here):
    load_image(here.folder / "missing.png")


def half_an_image(here):
    Image.effect_noise((64, 64), 90).save(here.folder / "whole.png")
    (here.folder / "cut.png").write_bytes((here.folder / "whole.png").read_bytes()[:900])
    load_image(here.folder / "cut.png")


def a_text_file(here):
    (here.folder / "text.png").write_text("not an image")
    load_image(here.folder / "text.png")


def too_many_bytes(here):
    load_image(b"\x89PNG" * 100, ImagePolicy(max_bytes=100))


def an_array_without_a_side(here):
    load_image(np.zeros((0, 5, 3), np.uint8))


def broken_base64(here):
    load_image("data:image/png;base64,@@@")


def a_document_without_its_password(here):
    pytest.importorskip("pypdfium2", reason="the extra `pdf` is not installed")
    open_pages(encrypted(b"secret"))


def a_document_without_end(here):
    pytest.importorskip("pypdfium2", reason="the extra `pdf` is not installed")
    read_form_without_end()


def a_folder_for_an_image(here):
    load_image(here.folder)


def a_forbidden_url(here):
    load_image("http://localhost/picture.png", ImagePolicy(allow_urls=False))


def a_server_that_says_404(here):
    with site(lambda handler: handler.send_error(404)) as url:
        load_image(url)


def a_server_that_says_nothing(here):
    release = threading.Event()
    with site(lambda handler: release.wait(20)) as url:
        try:
            load_image(url, ImagePolicy(url_timeout=0.2))
        finally:
            release.set()


def an_empty_question(here):
    with engine(here) as vlm:
        vlm.ask(Image.new("RGB", (9, 9)), "")


def a_prompt_longer_than_the_context(here):
    with engine(here) as vlm:
        vlm.generate([{"role": "user", "content": "word " * 9000}])


def an_unknown_option(here):
    with engine(here) as vlm:
        vlm.generate(HELLO, max_tokens=3)


def an_unknown_precision(here):
    SmolVLM.load(here.model, precision="fp33")


def an_unknown_alias(here):
    SmolVLM.load("257m")


def a_folder_without_weights(here):
    copy = copy_of(here)
    (copy / "model.safetensors").unlink()
    SmolVLM.load(copy)


def a_hub_that_is_down(here):
    here.patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    here.patch.setenv("HF_HUB_CACHE", str(here.folder))
    here.patch.delenv("HF_HUB_OFFLINE", raising=False)
    SmolVLM.load("256m")


def a_contradictory_config(here):
    config = json.loads((copy_of(here) / "config.json").read_text())
    config["scale_factor"] = 3  # 8x8 patches cannot be shuffled by 3
    (here.folder / "copy" / "config.json").write_text(json.dumps(config))
    SmolVLM.load(here.folder / "copy")


def a_config_that_is_no_json(here):
    (copy_of(here) / "config.json").write_text("{")
    SmolVLM.load(here.folder / "copy")


def weights_whose_scores_overflow(here):
    path = copy_of(here) / "model.safetensors"
    change_tensors_of(path, lambda tensors: tensors["lm_head.weight"].fill_(3e38))
    checkpoint = open_checkpoint(here.folder / "copy")
    finetune(checkpoint, split(2), here.folder / "out", FineTuneOptions(batch_size=1))


def truncated_weights(here):
    path = copy_of(here) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    SmolVLM.load(here.folder / "copy", backend="torch")


def a_damaged_header(here):
    path = copy_of(here) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[8:16] = b"\xff" * 8
    path.write_bytes(data)
    SmolVLM.load(here.folder / "copy", backend="torch")


def a_damaged_tokenizer(here):
    (copy_of(here) / "tokenizer.json").write_text('{"model": 3}')
    open_checkpoint(here.folder / "copy").tokenizer()


def a_device_that_is_not_here(here):
    SmolVLM.load(here.model, backend="torch", device="cuda:63")


def torch_that_is_not_installed(here):
    here.patch.setitem(sys.modules, "torch", None)
    SmolVLM.load(here.model, backend="torch")


def onnxruntime_that_is_not_installed(here):
    here.patch.setitem(sys.modules, "onnxruntime", None)
    (copy_of(here) / "onnx").mkdir()
    for name in ("vision_encoder", "embed_tokens", "decoder_model_merged"):
        (here.folder / "copy" / "onnx" / f"{name}.onnx").write_bytes(b"never read")
    SmolVLM.load(here.folder / "copy", backend="onnx")


def a_schema_that_cannot_be_enforced(here):
    with engine(here) as vlm:
        vlm.generate(HELLO, answer={"$ref": "https://example.org/schema.json"})


def a_tool_that_does_not_exist(here):
    Toolbox(lambda: engine(here)).call("paint_image", {})


def a_tool_without_its_argument(here):
    Toolbox(lambda: engine(here)).call("answer_question", {"image": "x.png"})


def a_sample_without_an_answer(here):
    data = here.folder / "train.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "What is it?"}]}\n')
    read_split(data)


def an_answer_that_is_cut(here):
    with engine(here) as vlm:
        vlm.generate(HELLO, answer=int, max_new_tokens=1, on_incomplete="raise")


def a_full_queue(here):
    gated = []

    def make(checkpoint):
        gated.append(GatedBackend(checkpoint.config))
        return gated[0]

    with engine(here, make, max_queue=1, batch_size=1) as vlm:
        try:
            streams = [vlm.stream(HELLO, max_new_tokens=1)]
            gated[0].wait_for()
            streams += [vlm.stream(HELLO, max_new_tokens=1) for _ in range(2)]
        finally:
            gated[0].gate.release(10)


def a_request_taken_back(here):
    cancel = threading.Event()
    cancel.set()
    with engine(here) as vlm:
        vlm.generate(HELLO, cancel=cancel)


def a_document_for_an_image(here):
    with engine(here) as vlm:
        vlm.describe(tiff("red", "blue"))


def a_full_disk(here):
    with Ledger(here.folder / "ledger") as ledger:
        ledger._database.execute("PRAGMA max_page_count = 4")  # SQLite's own full disk
        ledger.put("key", "x" * 100_000)


def a_budget_of_a_megabyte(here):
    SmolVLM.load(here.model, backend="torch", memory_budget="1MB")


def a_server_that_refuses(here):
    with chat_server(refuses(500)) as server, server.engine() as vlm:
        vlm.generate(HELLO)


def a_server_that_falls_silent(here):
    with chat_server(stalls) as server, server.engine(timeout=0.2) as vlm:
        vlm.generate(HELLO)


def a_closed_engine(here):
    vlm = engine(here)
    vlm.close()
    vlm.generate(HELLO)


SITUATIONS = [
    (errors.ImageNotFound, a_missing_file),
    (errors.CorruptImage, half_an_image),
    (errors.UnsupportedFormat, a_text_file),
    (errors.ImageTooLarge, too_many_bytes),
    (errors.BadDimensions, an_array_without_a_side),
    (errors.BadEncoding, broken_base64),
    (errors.PasswordRequired, a_document_without_its_password),
    (errors.DocumentTooCostly, a_document_without_end),
    (errors.PagesNeeded, a_document_for_an_image),
    (errors.StoreFull, a_full_disk),
    (errors.PathNotAllowed, a_folder_for_an_image),
    (errors.UrlNotAllowed, a_forbidden_url),
    (errors.FetchFailed, a_server_that_says_404),
    (errors.FetchTimeout, a_server_that_says_nothing),
    (errors.BadPrompt, an_empty_question),
    (errors.BadPrompt, a_prompt_longer_than_the_context),
    (errors.BadOptions, an_unknown_option),
    (errors.BadOptions, an_unknown_precision),
    (errors.SchemaNotSupported, a_schema_that_cannot_be_enforced),
    (errors.UnknownTool, a_tool_that_does_not_exist),
    (errors.BadArguments, a_tool_without_its_argument),
    (errors.BadSamples, a_sample_without_an_answer),
    (errors.ModelNotFound, an_unknown_alias),
    (errors.ModelNotFound, a_folder_without_weights),
    (errors.ModelError, a_hub_that_is_down),
    (errors.ModelInvalid, a_contradictory_config),
    (errors.ModelInvalid, a_config_that_is_no_json),
    (errors.ModelInvalid, truncated_weights),
    (errors.ModelInvalid, a_damaged_header),
    (errors.ModelInvalid, a_damaged_tokenizer),
    (errors.BackendUnavailable, a_device_that_is_not_here),
    (errors.BackendUnavailable, torch_that_is_not_installed),
    (errors.BackendUnavailable, onnxruntime_that_is_not_installed),
    (errors.TrainingFailed, weights_whose_scores_overflow),
    (errors.OutOfMemoryBudget, a_budget_of_a_megabyte),
    (errors.RemoteFailed, a_server_that_refuses),
    (errors.RemoteTimeout, a_server_that_falls_silent),
    (errors.IncompleteAnswer, an_answer_that_is_cut),
    (errors.Busy, a_full_queue),
    (errors.Cancelled, a_request_taken_back),
    (errors.Closed, a_closed_engine),
]
