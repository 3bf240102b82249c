"""The frozen values that cross the package's surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "repetition"]
Flag = Literal[
    "truncated",
    "repetition",
    "blank_image",
    "reduced_resolution",
    "halved_micro_batch",
    "rejected",
    "completed",
]
Calibrated = Literal["confidence", "field_confidence"]
OnIncomplete = Literal["abstain", "raise", "complete"]
Incomplete = Literal["cut", "unsure", "rejected"]
"""Why there is no value: the reply ended before it was whole, the confidence is below
`min_confidence`, or a rule of the type refuses what was written."""
Task = Literal["describe", "ask", "transcribe"]
Detail = Literal["brief", "normal", "detailed"]
TextLayout = Literal["plain", "lines", "markdown"]
Stage = Literal["preprocess", "vision", "prefill", "decode"]
Resolution: TypeAlias = Literal["auto", "native"] | int
"""How an image is cut: "auto", "native", or N for a longest edge of N tiles."""


class Value(BaseModel):
    """Base of the immutable values: unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class TextPart(Value):
    """A run of text inside a message."""

    type: Literal["text"] = "text"
    text: str


class ImagePart(Value):
    """An image inside a message.

    Attributes:
        image: any source `load_image` takes: path, URL, data URI, base64, bytes, file object,
            PIL image or numpy array. The dict form may call it "url", "path" or "base64", as
            transformers' chat templates do; the name changes nothing.
    """

    type: Literal["image"] = "image"
    image: Annotated[Any, Field(validation_alias=AliasChoices("image", "url", "path", "base64"))]


Part: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]


def _as_parts(content: Any) -> Any:
    return [TextPart(text=content)] if isinstance(content, str) else content


class Message(Value):
    """One turn of a conversation.

    Attributes:
        role: who speaks.
        content: text and images in the order the model reads them; a plain string is one text.
    """

    role: Role
    content: Annotated[tuple[Part, ...], BeforeValidator(_as_parts), Field(min_length=1)]


MessageLike: TypeAlias = Message | Mapping[str, Any]
"""A `Message`, or the dict form of transformers' chat templates."""


class GenerationOptions(Value):
    """How one reply is decoded. The defaults are greedy and deterministic.

    Attributes:
        max_new_tokens: most tokens to generate, the end-of-utterance token included.
        temperature: 0 is greedy; above, logits are divided by it before sampling.
        top_p: nucleus: sample from the smallest set of tokens with this probability together.
        top_k: sample from the k likeliest tokens; 0 means all.
        seed: of the sampler; None draws one from the system.
        stop: texts that end the reply; they are not part of it.
        repetition_guard: end a reply that has begun to loop (`finish_reason="repetition"`).
        ignore_eos: decode on past the end-of-utterance token (for benchmarks).
        logprobs: report every generated token with its log-probability.
    """

    max_new_tokens: int = Field(default=512, ge=1, le=1_000_000)
    temperature: float = Field(default=0.0, ge=0.0, le=100.0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0)
    seed: int | None = Field(default=None, ge=0)
    stop: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(lambda stop: (stop,) if isinstance(stop, str) else stop),
    ] = ()
    repetition_guard: bool = True
    ignore_eos: bool = False
    logprobs: bool = False


class Token(Value):
    """One generated token; `logprob` is its natural log-probability before temperature."""

    id: int
    text: str
    logprob: float


class StageSeconds(Value):
    """Wall time per stage of one request, in seconds."""

    preprocess: float
    vision: float
    prefill: float
    decode: float

    @property
    def total(self) -> float:
        return self.preprocess + self.vision + self.prefill + self.decode


class Usage(Value):
    """What a reply cost.

    Attributes:
        prompt_tokens: all tokens the decoder read, image tokens included.
        image_tokens: how many of them stand for image features.
        completion_tokens: tokens generated, the end-of-utterance token included.
        tiles: tiles of its images.
        cached_tokens: prompt tokens that an earlier request had already read.
        cached_tiles: tiles the vision tower did not have to encode again.
        seconds: wall time per stage; that of a decode step is counted for all who shared it.
        predicted_bytes: what memory was expected to reach, before the request ran; None where the
            model does not run in this process.
        peak_bytes: what it did reach, measured. On a CPU both mean the whole process's resident
            memory, on a GPU its allocator's; requests that run together share one peak.
    """

    prompt_tokens: int
    image_tokens: int
    completion_tokens: int
    tiles: int
    cached_tokens: int = 0
    cached_tiles: int = 0
    seconds: StageSeconds
    predicted_bytes: int | None = None
    peak_bytes: int | None = None


class VisionResult(Value):
    """A reply, what it cost, and what is known about its worth. The same on every surface.

    Attributes:
        text: the reply, as far as the model wrote it.
        value: the answer as the type that was asked for: bool, int, float, date, str, list, plain
            JSON data or an instance of the pydantic model; the expected level of a rating; None
            for free text, or if abstained.
        abstained: whether the value is held back.
        incomplete: why it is; None where it is not.
        finish_reason: "stop" (the model ended, or a stop text came), "length" (out of tokens),
            "repetition" (the guard ended a loop).
        usage: tokens, tiles and seconds.
        confidence: 0 to 1: of a bool, number, date or choice the probability of that value among
            all that the type allows; of texts, lists and objects the geometric mean of the
            probabilities of the tokens that were not forced; 0 of a typed answer that was cut. It
            measures how sure the model was of its words, not whether they are true.
        probabilities: of every option, where the answer was yes/no, a choice or a rating; they sum
            to 1.
        field_confidence: probability of every value in a JSON answer, by JSON pointer (RFC 6901);
            of one that was cut, of those values that were written whole.
        unsure_fields: JSON pointers of the values below `min_field_confidence` that could not
            become null.
        calibrated: which of these figures went through the engine's calibration: "confidence" (with
            the probabilities of a closed choice), "field_confidence". What is not named is as the
            model computed it: no calibration is loaded, or it says nothing of this kind of answer.
        flags: what a reader should know: "truncated" (max_new_tokens came first), "repetition",
            "completed" (a cut answer got an end that the model did not write), "blank_image",
            "reduced_resolution" (images were cut coarser to keep to the memory budget),
            "halved_micro_batch" (memory ran out once, and fewer tiles at a time were encoded),
            "rejected" (a rule of the answer's type refused the value).
        image_sha256: of every image's encoded bytes, in prompt order.
        model: id of the checkpoint.
        revision: the hub commit it was loaded from; None for a folder.
        backend, device, precision: what computed the reply.
        tokens: the generated tokens when `logprobs` was asked for, else None.
    """

    text: str
    value: Any = None
    abstained: bool = False
    incomplete: Incomplete | None = None
    finish_reason: FinishReason
    usage: Usage
    confidence: float
    probabilities: dict[str, float] | None = None
    field_confidence: dict[str, float] | None = None
    unsure_fields: tuple[str, ...] = ()
    calibrated: tuple[Calibrated, ...] = ()
    flags: tuple[Flag, ...] = ()
    image_sha256: tuple[str, ...] = ()
    model: str
    revision: str | None = None
    backend: str
    device: str
    precision: str
    tokens: tuple[Token, ...] | None = None


class StreamChunk(Value):
    """What one generated token added to the reply.

    Attributes:
        token_id: the token.
        text: the text that became certain with it; may be empty. The texts join to the reply.
        result: the whole reply, on the last chunk only.
    """

    token_id: int
    text: str
    result: VisionResult | None = None


class Progress(Value):
    """How far a request has come.

    Attributes:
        stage: what has just been worked on.
        done, total: of its tiles ("vision") or tokens ("decode", where total is the most there may
            be); 0 of 1 and 1 of 1 where a stage is one piece.
    """

    stage: Stage
    done: int
    total: int


class ImagePlan(Value):
    """How one image will be cut, before anything runs.

    Attributes:
        width, height: of the image as it will be seen (EXIF orientation applied), in pixels.
        resized_width, resized_height: after resizing to whole tiles.
        rows, cols: of the tile grid; 0 and 0 when the image is one single tile.
        tiles: tiles to encode, the global one included.
        tokens: prompt tokens the image takes, row and column markers included.
        image_tokens: how many of them stand for image features.
    """

    width: int
    height: int
    resized_width: int
    resized_height: int
    rows: int
    cols: int
    tiles: int
    tokens: int
    image_tokens: int


class RequestPlan(Value):
    """What a request will cost, before anything runs.

    Attributes:
        images: of each image.
        tiles, image_tokens, prompt_tokens: of the whole request.
        context_length: most tokens of prompt and reply together.
        model: id of the checkpoint.
        predicted_bytes: the peak of memory that is expected with a reply of 512 tokens; see
            `Usage`. None where no model is loaded.
    """

    images: tuple[ImagePlan, ...]
    tiles: int
    image_tokens: int
    prompt_tokens: int
    context_length: int
    model: str
    predicted_bytes: int | None = None
