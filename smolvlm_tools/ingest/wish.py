"""What to find out about every page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias, cast

from ..constraints.answers import parse_answer
from ..engine.crosscheck import parse_checking
from ..errors import BadOptions
from ..pages import TextLayer
from ..prompt.policy import is_share
from ..prompt.questions import Ask, Questions, naming, parse_questions
from ..prompt.request import RequestOptions, check_options, check_request_options
from ..prompt.tasks import (
    ask_messages,
    describe_messages,
    extract_messages,
    schema_of,
    transcribe_messages,
)
from ..types import CheckedText, CheckName, Detail, Message, TextPart
from .ledger import digest_of

TASKS = ("transcription", "caption", "pictures")
TEXTS = ("auto", "layer", "model", "both")
LAYOUTS = ("plain", "markdown")
TextChoice: TypeAlias = Literal["auto", "layer", "model", "both"]
FIELDS_NAME = "\0fields"
"""The schema's name among the questions; no question is called so."""

_CAPTION_TOKENS = 512


@dataclass(frozen=True)
class Wish:
    """What to find out about every page.

    Attributes:
        tasks: "transcription", "caption" of the page, "pictures": captions of those in it.
        look: also look at pages whose text comes from their text layer: caption them and their
            pictures. Without it the model sees only pages that have no text layer it can trust.
        text: where a transcription comes from: "auto": from the text layer where it can be trusted,
            else from the model; "layer": never from the model; "model": always; "both": from
            both, where there is a layer, which then stands under "layer".
        questions: asked about every page.
        schema: a JSON schema or pydantic class, filled in from every page.
        detail: of captions: "brief", "normal" or "detailed".
        layout: of transcriptions by the model: "plain" or "markdown".
        options: of the requests; see `RequestOptions`.
        check: who reads the pages that the model transcribes a second time: "ocr" or "tesseract";
            see `PageCheck`. Pages whose text is their layer, captions, answers and fields are not
            checked.
        source: with a check, whose transcription: "model", "ocr", or the "best" of both.
        min_agreement: with a check, hold a transcription back where its agreement is below, 0 to
            1: its text is "", its flag "low_agreement"; the check still has both texts.

    Raises:
        BadOptions, BadPrompt, SchemaNotSupported: something of it makes no sense.
    """

    tasks: tuple[str, ...] = TASKS
    look: bool = False
    text: TextChoice = "auto"
    questions: Questions = field(default_factory=dict[str, Ask | str])
    schema: Any = None
    detail: Detail = "normal"
    layout: Literal["plain", "markdown"] = "plain"
    options: RequestOptions = field(default_factory=RequestOptions)
    check: CheckName | None = None
    source: CheckedText = "model"
    min_agreement: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.tasks, str) or not hasattr(self.tasks, "__iter__"):
            raise BadOptions(f"`tasks={self.tasks!r}` are not several", 'Use ("caption",).')
        _check("task", self.tasks, TASKS)
        _check("text", [self.text], TEXTS)
        _check("layout", [self.layout], LAYOUTS)
        _check_options(self.options)
        self._check_second_reader()
        wanted = self._wanted  # the wordings are checked where they are made
        for name, asked in wanted.items():
            with naming(name[1:]) if name.startswith("?") else nullcontext():
                parse_answer(asked.answer)
                own = asked.options
                own.pop("answer", None)
                check_options(own)
        if not wanted and "transcription" not in self.tasks:
            raise BadOptions(
                "nothing is asked", "Name a task, questions or a schema; pictures need `look`."
            )

    def _check_second_reader(self) -> None:
        """Check what is said of the check: that it has a transcription by the model to check."""
        parse_checking(self.check, self.source, self.layout)
        share = self.min_agreement
        if share is not None:
            if not is_share(share):
                raise BadOptions(
                    f"`min_agreement={share!r}` is no share", "Use a number from 0 to 1."
                )
            if self.check is None:
                raise BadOptions(f"`min_agreement={share!r}` needs a check", 'Add `check="ocr"`.')
        if self.check is None:
            return
        if "transcription" not in self.tasks:
            raise BadOptions(
                f'`check="{self.check}"` is of transcriptions, and none is asked for',
                'Name "transcription" among the `tasks`, or leave the check out.',
            )
        if self.text == "layer":
            raise BadOptions(
                f'`check="{self.check}"` is of what the model reads, and with `text="layer"` it '
                "reads no page",
                'Use `text="auto"`, "model" or "both", or leave the check out.',
            )

    @cached_property
    def asks(self) -> dict[str, Ask]:
        """Everything that may be asked about a page, by name."""
        found: dict[str, Ask] = {}
        if "caption" in self.tasks:
            found["caption"] = self.caption
        if "transcription" in self.tasks and self.text != "layer":
            found["transcription"] = Ask(_words(transcribe_messages(b"", self.layout)))
        if self.questions != {}:
            for name, asked in parse_questions(self.questions).items():
                ask_messages(b"", asked.question, asked.context)
                tokens = self._tokens if asked.max_new_tokens is None else asked.max_new_tokens
                found[f"?{name}"] = Ask(
                    asked.question, asked.answer, asked.context, asked.min_confidence, tokens
                )
        if self.schema is not None:
            fields = _words(extract_messages(b"", schema_of(self.schema)))
            found[FIELDS_NAME] = Ask(fields, self.schema, max_new_tokens=self._tokens)
        return found

    @property
    def caption(self) -> Ask:
        """What is asked for a caption."""
        words = _words(describe_messages(b"", self.detail))
        return Ask(words, max_new_tokens=self._tokens)

    @cached_property
    def _wanted(self) -> dict[str, Ask]:
        """All that the model may be asked, also about pictures in pages."""
        pictures = {"pictures": self.caption} if self.look and "pictures" in self.tasks else {}
        return {**self.asks, **pictures}

    @property
    def needs_model(self) -> bool:
        """Whether there are pages about which it would be asked."""
        return bool(self._wanted)

    @property
    def _tokens(self) -> int:
        return self.options.get("max_new_tokens", _CAPTION_TOKENS)

    @cached_property
    def prompt_hash(self) -> str:
        """Digest of all that is asked, and how; 16 hex digits."""
        checked = {"check": [self.check, self.source, self.min_agreement]} if self.check else {}
        return digest_of(
            {
                **checked,
                "asks": {
                    name: [ask.question, ask.context, ask.options]
                    for name, ask in self._wanted.items()
                },
                "tasks": sorted(self.tasks),
                "look": self.look,
                "text": self.text,
                "options": dict(self.options),
            }
        )[:16]

    def trusts(self, layer: TextLayer | None) -> bool:
        """Whether the page's transcription is its text layer."""
        if layer is None or "transcription" not in self.tasks:
            return False
        return self.text == "layer" or (self.text in ("auto", "both") and layer.kind == "digital")

    def of_page(self, layer: TextLayer | None) -> dict[str, Ask]:
        """What to ask about a page with this text layer."""
        asks = dict(self.asks)
        if self.trusts(layer) and self.text != "both":
            asks.pop("transcription", None)
            if not self.look:
                asks.pop("caption", None)
        return asks

    def wants_pictures(self, layer: TextLayer | None) -> bool:
        """Whether to caption the pictures in a page: one that is looked at, if it has others."""
        return "pictures" in self.tasks and layer is not None and self.look


def _check(name: str, given: Iterable[object], known: tuple[str, ...]) -> None:
    unknown = [each for each in given if each not in known]
    if unknown:
        raise BadOptions(f"unknown {name} {unknown[0]!r}", f"Use {', '.join(known)}.")


def _check_options(options: object) -> None:
    if not isinstance(options, Mapping):
        raise BadOptions(f"`options={options!r}` are no options", 'Use {"resolution": 2}.')
    given = dict(cast("Mapping[str, Any]", options))
    for name in ("task", "cancel", "on_progress", "pages", "start", "end", "answer"):
        if name in given:
            raise BadOptions(f"option {name!r} is ingestion's own", "Leave it out.")
    if given.get("on_incomplete") == "raise":
        raise BadOptions(
            "`on_incomplete='raise'` would end the run", "Use 'abstain' or 'complete'."
        )
    check_request_options(given)


def _words(messages: tuple[Message, ...]) -> str:
    last = messages[0].content[-1]
    return cast("TextPart", last).text
