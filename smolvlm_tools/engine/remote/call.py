"""One request to a server: images, reply, verdict, result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...decoding.clock import StageClock
from ...decoding.incomplete import incomplete_answer
from ...decoding.repetition import RepetitionGuard
from ...decoding.text_stream import CertainText
from ...decoding.verdict import Verdict, judge
from ...prompt.image_flags import image_flags
from ...prompt.known_text import known_text
from ...prompt.request import Request
from ...types import (
    FinishReason,
    Flag,
    Progress,
    Stage,
    StreamChunk,
    TextSource,
    Token,
    Usage,
    VisionResult,
)
from ...unsafe import UNSAFE_ON_A_LINE
from .answers import RemoteAnswer
from .calls import Patience
from .heard import Heard
from .pictures import Picture
from .settings import BACKEND, RemoteSettings
from .wire import Piece, Said, body_of, tokens_of

if TYPE_CHECKING:
    from .endpoint import Endpoint

NO_ID = -1
"""Of tokens: servers do not tell ids."""


@dataclass(eq=False)
class Call:
    """A request on its way.

    Attributes:
        tokens: all that the server told log-probabilities of.
        written: those that wrote the text; None where that is not clear.
        unwritten: those since the last text.
        deliver: hands chunks to the caller.
        patience: with the server.
        held_back: whether text is delivered only when all is there: what of a typed reply is the
            answer is not known before.
    """

    request: Request
    settings: RemoteSettings
    deliver: Callable[[StreamChunk], None]
    patience: Patience
    clock: StageClock = field(default_factory=StageClock)
    said: list[str] = field(default_factory=list[str])
    clean: list[str] = field(default_factory=list[str])
    tokens: list[Said] = field(default_factory=list[Said])
    written: list[Said] | None = field(default_factory=list[Said])
    unwritten: list[Said] = field(default_factory=list[Said])
    counts: dict[str, Any] = field(default_factory=dict[str, Any])
    model: str | None = None
    finish_reason: FinishReason = "stop"
    pieces: int = 0
    text_source: TextSource = "model"

    @property
    def answer(self) -> RemoteAnswer | None:
        answer = self.request.answer
        return answer if isinstance(answer, RemoteAnswer) else None

    @property
    def held_back(self) -> bool:
        return self.answer is not None

    async def run(self, parts: Sequence[Sequence[Picture]], endpoint: Endpoint) -> StreamChunk:
        """Ask, and deliver all chunks but the last, which is returned.

        Args:
            parts: the images of each image part.
            endpoint: the server.

        Raises:
            IncompleteAnswer: there is no value, and the caller asked for an error then.
            RemoteFailed, ModelNotFound, SchemaNotSupported: see `Endpoint.pieces`.
        """
        pictures = [picture for part in parts for picture in part]
        is_text = self.answer is None or self.answer.is_lines
        if known := known_text(self.request, pictures, is_text):
            last, self.text_source = known
            self.clean.append(last)
        else:
            last = await self._listen(parts, endpoint)
        heard = self._heard(endpoint)
        result, verdict = await asyncio.to_thread(self._result, heard, pictures)
        chunk = StreamChunk(token_id=NO_ID, text=result.text if self.held_back else last)
        if result.abstained and self.request.policy.on_incomplete == "raise":
            self.deliver(chunk)  # the words belong to the stream, whatever comes of them
            raise incomplete_answer(result, verdict.refusal) from verdict.refusal
        return chunk.model_copy(update={"result": result})

    async def _listen(self, parts: Sequence[Sequence[Picture]], endpoint: Endpoint) -> str:
        """Take the reply in; the text that became certain with its end."""
        options = self.request.options
        text = CertainText(options.stop)
        guard = _Loops() if options.repetition_guard else None
        body = body_of(self.request, parts, self.settings.model)
        self.report("prefill", 0, 1)
        stage: Stage = "prefill"
        async with aclosing(endpoint.pieces(body, self.patience)) as pieces:
            while True:
                with self.clock.stage(stage):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                if stage == "prefill" and piece.text:
                    stage = "decode"
                    self.report("prefill", 1, 1)
                reason = self._take(piece, text, guard)
                if reason:
                    self.finish_reason = reason
                    break
        self.patience.rest()
        if stage == "prefill":
            self.report("prefill", 1, 1)
        rest = text.finish()
        self.clean.append(rest)
        return rest

    def _take(self, piece: Piece, text: CertainText, guard: _Loops | None) -> FinishReason | None:
        """Take an event in; why nothing more is read, if so."""
        self.model = piece.model or self.model
        self.counts.update(piece.counts or {})
        self.tokens += piece.tokens
        self.unwritten += piece.tokens
        if piece.finish_reason:
            self.finish_reason = piece.finish_reason
        if not piece.text:
            return None
        self.said.append(piece.text)
        wrote = tokens_of(piece.text, self.unwritten)
        self.unwritten = []
        if wrote is None:
            self.written = None
        elif self.written is not None:
            self.written += wrote
        self.pieces += max(1, len(piece.tokens))
        certain = text.add(piece.text)
        self.clean.append(certain)
        most = max(self._said_tokens, self.request.options.max_new_tokens)
        self.report("decode", self._said_tokens, most)
        if not self.held_back:
            self.deliver(StreamChunk(token_id=NO_ID, text=certain))
        if text.stopped:
            return "stop"
        if guard and guard.loops_with(piece):
            return "repetition"
        return "length" if self._said_tokens < self.pieces else None

    @property
    def _said_tokens(self) -> int:
        """Tokens so far, up to the limit if there is one."""
        if self.request.grows:
            return self.pieces
        return min(self.pieces, self.request.options.max_new_tokens)

    def _heard(self, endpoint: Endpoint) -> Heard:
        return Heard(
            "".join(self.said),
            "".join(self.clean),
            self.tokens,
            self.written,
            self.finish_reason,
            self.answer,
            endpoint.enforces_schemas,
            self.request.policy.completes,
        )

    def _result(self, heard: Heard, pictures: Sequence[Picture]) -> tuple[VisionResult, Verdict]:
        """Judge the reply; on a thread, as an end of a cut answer may take a while to find."""
        flags: list[Flag] = heard.flags if self.said else []
        flags += image_flags(self.request, pictures)
        verdict = judge(self.request, heard)
        policy = self.request.policy
        if verdict.incomplete is None and "no_logprobs" in flags and policy.min_field_confidence:
            verdict = Verdict(incomplete="unsure")  # nothing is known to be above
        confidence = heard.confidence if self.said else 1.0
        return VisionResult(
            text=heard.text,
            value=verdict.value,
            abstained=verdict.incomplete is not None,
            incomplete=verdict.incomplete,
            finish_reason=self.finish_reason,
            usage=self._usage(),
            confidence=confidence,
            probabilities=heard.probabilities,
            field_confidence=heard.field_confidence,
            unsure_fields=verdict.unsure_fields,
            flags=(*flags, *verdict.flags),
            image_sha256=tuple(picture.sha256 for picture in pictures),
            sources=tuple(picture.ref for picture in pictures),
            text_source=self.text_source,
            model=_shown_name(self.model or self.settings.model),
            backend=BACKEND,
            device=self.settings.base_url,
            precision="unknown",
            tokens=self._tokens() if self.request.options.logprobs else None,
        ), verdict

    def _usage(self) -> Usage:
        details = self.counts.get("prompt_tokens_details")
        cached: Any = details.get("cached_tokens") if isinstance(details, dict) else None
        return Usage(
            prompt_tokens=_count(self.counts.get("prompt_tokens"), 0),
            image_tokens=0,
            completion_tokens=_count(self.counts.get("completion_tokens"), self._said_tokens),
            tiles=0,
            cached_tokens=_count(cached, 0),
            seconds=self.clock.seconds(),
        )

    def _tokens(self) -> tuple[Token, ...] | None:
        if not self.tokens:
            return None
        return tuple(
            Token(id=NO_ID, text=said.data.decode("utf-8", "replace"), logprob=said.logprob)
            for said in self.tokens
        )

    def report(self, stage: Stage, done: int, total: int) -> None:
        """Tell the caller how far the request has come."""
        if self.request.report:
            self.request.report(Progress(stage=stage, done=done, total=total))


class _Loops:
    """`RepetitionGuard` for texts: equal ones count as the same token."""

    def __init__(self) -> None:
        self._guard = RepetitionGuard()
        self._ids: dict[bytes, int] = {}

    def loops_with(self, piece: Piece) -> bool:
        texts = [token.data for token in piece.tokens] or [piece.text.encode()]
        loops = [
            self._guard.loops_with(self._ids.setdefault(text, len(self._ids))) for text in texts
        ]
        return any(loops)


def _shown_name(model: str) -> str:
    """A model's name on one line; of a path on the server's machine only its end."""
    model = UNSAFE_ON_A_LINE.sub("", model)[:200]
    return model.rstrip("/\\").replace("\\", "/").rpartition("/")[2] if _is_path(model) else model


def _is_path(model: str) -> bool:
    return model.startswith(("/", "~", ".")) or model[1:3] in (":\\", ":/")


def _count(told: object, otherwise: int) -> int:
    whole = isinstance(told, int) and not isinstance(told, bool) and told >= 0
    return told if whole and isinstance(told, int) else otherwise
