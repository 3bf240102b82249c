"""Replies, what they cost, and how far they have come."""

from __future__ import annotations

from typing import Any

from .checks import Check
from .messages import PageRef
from .names import Calibrated, FinishReason, Flag, Incomplete, Stage, TextSource
from .value import Value


class Token(Value):
    """One generated token; `logprob` is its natural log-probability before temperature.

    `id` is -1 of a remote engine: servers tell texts of tokens, not their ids.
    """

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

    A remote engine has the server's own counts of tokens, 0 where it gives none, and 0 tiles and
    image tokens: how it cuts images is not known.

    Attributes:
        prompt_tokens: all tokens the decoder read, image tokens included.
        image_tokens: how many of them stand for image features.
        completion_tokens: tokens generated, the end-of-utterance token included.
        tiles: tiles of its images.
        cached_tokens: prompt tokens that an earlier request had already read.
        cached_tiles: tiles the vision tower did not have to encode again.
        seconds: wall time per stage; that of a decode step is counted for all who shared it.
            Of a reply that was continued after a loop all figures are of both runs.
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
            measures how sure the model was of its words, not whether they are true. Of a
            transcription with a `check`, both readers' together: the mean of its lines'
            confidences by characters, times the share of the recognised words that it has.
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
            "recovered" (the reply began to loop, and goes on from before the loop with another cut
            of the images, or with a `check` as recognised),
            "completed" (a cut answer got an end that the model did not write), "blank_image",
            "turned" (a page lay on its side or head and was turned upright to be read),
            "ocr_layer", "garbage_layer" (its document has a text layer for it that was not
            trusted), "hidden_text" (the layer has text that is not seen on the page),
            "reduced_resolution" (images were cut coarser to keep to the memory budget),
            "halved_micro_batch" (memory ran out once, and fewer tiles at a time were encoded),
            "rejected" (a rule of the answer's type refused the value); with a `check` also
            "unsupported" (lines were not recognised in the image, see `Check.unsupported`),
            "missing_words" (the model left out words of the image) and "nothing_recognised" (the
            image has no word, so none is handed out); of a remote engine also
            "no_logprobs" (the server gave no log-probabilities: `confidence` is 0 because it is
            not known) and "not_enforced" (the server did not hold the reply to the answer's type;
            it was checked all the same).
        image_sha256: of every image's encoded bytes, in prompt order.
        sources: where every image came from, in prompt order.
        text_source: "layer" where a transcription is the text that the document itself has for its
            page, exactly; the model was not asked then. "ocr" where it is what was recognised
            beside the model. "both" where it is from more than one of them.
        pages: of a document that was read page after page, each page's own result; else empty.
        check: with `check="ocr"`, the reply beside the words that were recognised in the image, and
            where they stand; of a document that was read page after page, its pages have theirs.
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
    sources: tuple[PageRef, ...] = ()
    text_source: TextSource = "model"
    pages: tuple[VisionResult, ...] = ()
    check: Check | None = None
    model: str
    revision: str | None = None
    backend: str
    device: str
    precision: str
    tokens: tuple[Token, ...] | None = None


class StreamChunk(Value):
    """What one generated token added to the reply.

    Attributes:
        token_id: the token; -1 of a remote engine, where a chunk is what the server sent at once.
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
        page, pages: which of the pages of a document that is read page after page; 1 and 1 where
            a request is one piece.
    """

    stage: Stage
    done: int
    total: int
    page: int = 1
    pages: int = 1
