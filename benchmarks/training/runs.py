"""One run of training, ours or TRL's, measured in its process."""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.process import Answer

QUESTION, ANSWER = "What is in this image?", "The image shows {} red circles and a square."
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
RATE, RANK = 1e-3, 8
PLAIN: dict[str, Any] = {
    "lr_scheduler_type": "cosine",
    "logging_strategy": "epoch",
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
}
"""Settings of TRL's that are ours, and nothing written meanwhile."""


def pictures(count: int, pixels: int) -> list[Image.Image]:
    """Seeded noise in large blocks."""
    chance = np.random.default_rng(0)
    blocks = (chance.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(count))
    return [Image.fromarray(each).resize((pixels, pixels)) for each in blocks]


def measure_ours(folder: str, side: int, samples: int, epochs: int, batch: int) -> Answer:
    """Seconds and losses of every epoch, and tokens of one."""
    from smolvlm_tools import open_checkpoint
    from smolvlm_tools.finetune.options import FineTuneOptions
    from smolvlm_tools.finetune.records import StepRecord
    from smolvlm_tools.finetune.samples import Sample, Split
    from smolvlm_tools.finetune.train import finetune
    from smolvlm_tools.types import ImagePart, Message, TextPart

    checkpoint = open_checkpoint(Path(folder))
    images = pictures(samples, side * checkpoint.config.image.tile_size)
    training = [
        Sample(
            (
                Message(role="user", content=(ImagePart(image=image), TextPart(text=QUESTION))),
                Message(role="assistant", content=(TextPart(text=ANSWER.format(at)),)),
            ),
            f"picture {at}",
        )
        for at, image in enumerate(images)
    ]
    options = FineTuneOptions(
        rank=RANK,
        epochs=epochs,
        batch_size=batch,
        learning_rate=RATE,
        resolution=side,
        arithmetic="fp32",
        save_every=10**6,
    )
    told: list[StepRecord] = []
    with tempfile.TemporaryDirectory() as out:
        finetune(
            checkpoint, Split(training, []), Path(out), options, device="cpu", on_step=told.append
        )
    per_epoch = len(told) // epochs
    parts = [told[at : at + per_epoch] for at in range(0, len(told), per_epoch)]
    return {
        "seconds": [sum(record.seconds for record in part) for part in parts],
        "losses": [sum(record.loss for record in part) / per_epoch for part in parts],
        "tokens": sum(record.tokens for record in parts[0]),
    }


def measure_trl(folder: str, side: int, samples: int, epochs: int, batch: int, trl: str) -> Answer:
    """Seconds and losses of every epoch; tokens are counted as ours."""
    sys.path.append(trl)
    from datasets import Dataset  # pyright: ignore[reportMissingImports]
    from peft import LoraConfig
    from transformers import AutoModelForImageTextToText, TrainerCallback
    from trl import SFTConfig, SFTTrainer  # pyright: ignore[reportMissingImports]

    processor = _processor(Path(folder), side)
    tile = processor.image_processor.max_image_size["longest_edge"]
    rows = [
        _row(image, ANSWER.format(at)) for at, image in enumerate(pictures(samples, side * tile))
    ]
    marks: list[float] = []

    class Clock(TrainerCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            marks.append(time.perf_counter())

        def on_epoch_end(self, *args: Any, **kwargs: Any) -> None:
            marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out,
            max_length=None,
            per_device_train_batch_size=batch,
            num_train_epochs=epochs,
            learning_rate=RATE,
            completion_only_loss=True,
            **PLAIN,
        )
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
        names = rf".*text_model.*\.({'|'.join(TARGETS)})"
        trainer = SFTTrainer(
            model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=processor,
            peft_config=LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=names),
            callbacks=[Clock()],
        )
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"seconds": [end - start for start, end in pairwise(marks)], "losses": losses}


def _row(image: Image.Image, answer: str) -> dict[str, Any]:
    return {
        "images": [image],
        "prompt": [{"role": "user", "content": [{"type": "image"}, _text(QUESTION)]}],
        "completion": [{"role": "assistant", "content": [_text(answer)]}],
    }


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _processor(folder: Path, side: int) -> Any:
    from tests.support.transformers_reference import load_processor

    processor = load_processor(folder)
    tile = processor.image_processor.max_image_size["longest_edge"]
    processor.image_processor.size = {"longest_edge": side * tile}
    return processor
