"""What transformers' SmolVLM processor makes of a video.

`AutoProcessor` would want torchvision, which has no build for the pinned torch. Only the resizing
needs it, and does what `Idefics3ImageProcessorPil` does for an image that is not split; all else
here is the code of transformers' video processor and processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from tests.support.transformers_reference import load_processor


@dataclass(frozen=True)
class Seen:
    """The prompt, (L,), and which frames were sampled: their numbers and RGB pixels."""

    token_ids: Any
    numbers: list[int]
    frames: Any


@cache
def _video_processor(folder: Path) -> Any:
    from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

    return SmolVLMVideoProcessor.from_pretrained(folder)


def _replace_video_token(length: int, frames: int, metadata: Any) -> str:
    """The text of a video, for which a `SmolVLMProcessor` needs to know its tokens alone."""
    from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

    tokens = SimpleNamespace(
        image_seq_len=length,
        image_token="<image>",
        fake_image_token="<fake_token_around_image>",
        global_image_token="<global-img>",
    )
    inputs = {"pixel_values": np.empty((1, frames)), "video_metadata": [metadata]}
    return SmolVLMProcessor.replace_video_token(tokens, inputs, 0)


def see_video(folder: Path, path: Path, question: str, **sampling: Any) -> Seen:
    """Sample, and write the prompt.

    Args:
        folder: a checkpoint's.
        path: a video file.
        sampling: `num_frames`, `fps`; the checkpoint's own without.
    """
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE
    from transformers.video_utils import read_video_pyav

    video, processor = _video_processor(folder), load_processor(folder)
    frames, metadata = read_video_pyav(str(path), partial(video.sample_frames, **sampling))
    content = [{"type": "video"}, {"type": "text", "text": question}]
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        chat_template=DEFAULT_CHAT_TEMPLATE,
        add_generation_prompt=True,
        tokenize=False,
    )
    spoken = _replace_video_token(processor.image_seq_len, len(frames), metadata)
    text = text.replace("<video>", spoken)
    ids = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    numbers = [int(number) for number in metadata.frames_indices]
    return Seen(np.asarray(ids), numbers, np.asarray(frames))


def cut_frames(folder: Path, seen: Seen) -> Any:
    """A tile for each frame, (frames, 3, S, S)."""
    images = [Image.fromarray(frame) for frame in seen.frames]
    cut = load_processor(folder).image_processor(
        [images], do_image_splitting=False, return_tensors="np"
    )
    return cut["pixel_values"][0]
