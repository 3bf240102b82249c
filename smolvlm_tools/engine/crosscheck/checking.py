"""From images and a reply to the reply with its `check`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias, cast

from ...errors import BadOptions
from ...images import ImagePolicy, ImageSource, load_image
from ...images.ocr import Recognizer, moved, open_recognizer, parse_check, plain, read_words
from ...machine.stopping import check_stopped
from ...pages import PageSelection, open_as_images, parse_pages
from ...pages.video import Clip, read_source
from ...prompt.request import RequestOptions
from ...prompt.tasks import Images
from ...types import Box, Check, CheckedText, CheckName, Flag, TextLayout, VisionResult, Word
from .alignment import check_library
from .best_text import recognised_text, write_best
from .certainty import line_confidences
from .evidence import find_evidence
from .lines import Compared, compare
from .lost_spaces import part_words
from .stills import only_stills

CheckMemory: TypeAlias = Callable[[str, int], None]
"""Raises where what is described would take more bytes than there are."""

Judge: TypeAlias = Callable[[VisionResult], VisionResult]
"""Gives a reply its `check`."""

_LONGEST = 2000  # pixels; a larger JPEG is decoded to fewer
_MARKS = str.maketrans("#*_|`>", "      ")  # of Markdown


class Read(NamedTuple):
    """What the engine is to be asked about, and what its reply then goes through."""

    images: Images
    judge: Judge


@dataclass(frozen=True, slots=True)
class Checker:
    """Reads the images of a call a second time.

    Attributes:
        recognizer: None where no check is wanted: nothing changes then.
        text_from: whose text of a transcription is handed out.
        policy: which images are let in.
        layout: of the transcription.
        check_memory: see `TaskMethods.check_memory`.
    """

    recognizer: Recognizer | None
    text_from: CheckedText
    policy: ImagePolicy
    layout: TextLayout = "plain"
    check_memory: CheckMemory | None = None

    def options(self, options: RequestOptions) -> RequestOptions:
        """The options of the request: the check wants to know each line's probability."""
        return options if self.recognizer is None else {**options, "logprobs": True}

    def transcription(self, images: Images, options: RequestOptions) -> Read:
        """Read what is to be transcribed.

        Args:
            options: those that the caller gave.

        Raises:
            InputError: see `load_image` and `open_as_images`.
            BadOptions: see `only_stills`.
        """
        return self._read(images, options, self._check_text)

    def answer(self, images: Images, options: RequestOptions, question: str = "") -> Read:
        """Read what a question is about; raises as `transcription`."""
        chosen = parse_pages(options.get("pages"))
        return self._read(images, options, partial(self._find_values, question=question), chosen)

    def _read(
        self,
        images: Images,
        options: RequestOptions,
        check: Callable[[VisionResult, Sequence[Word]], VisionResult],
        chosen: PageSelection | None = None,
    ) -> Read:
        if self.recognizer is None:
            return Read(images, _unchanged)
        several = isinstance(images, (list, tuple))
        sources = cast("Sequence[ImageSource | Clip]", images if several else [images])
        kept = [read_source(source, self.policy) for source in sources]
        stills = only_stills(kept, options)
        words: list[Word] = []
        count = 0
        for source in stills:
            for image in open_as_images(source, chosen, self.policy):
                check_stopped()
                words += self._words(image, self.recognizer, count)
                count += 1

        def judge(result: VisionResult) -> VisionResult:
            checked = check(result, words)
            return (
                checked if options.get("logprobs") else checked.model_copy(update={"tokens": None})
            )

        return Read(stills if several else stills[0], judge)

    def _words(self, source: ImageSource, recognizer: Recognizer, image: int) -> list[Word]:
        """The words of an image, their boxes in pixels of the original."""
        loaded = load_image(source, self.policy, reduce_to=_smaller)
        pixels = loaded.pixels
        if self.check_memory is not None:
            what = f"reading {pixels.width}x{pixels.height} pixels for the check"
            self.check_memory(what, recognizer.working_bytes(pixels.size))
        across = loaded.size[0] / pixels.width
        down = loaded.size[1] / pixels.height
        words = read_words(pixels, recognizer)
        placed = (moved(word, lambda box: _scaled(box, across, down)) for word in words)
        return [word.model_copy(update={"image": image}) for word in placed]

    def _check_text(self, result: VisionResult, words: Sequence[Word]) -> VisionResult:
        if not (result.value is None or isinstance(result.value, (str, list))):
            return self._find_values(result, words)
        text = result.text
        listed = cast("list[str]", result.value) if isinstance(result.value, list) else None
        if self.layout == "markdown":
            text = "\n".join(map(_without_marks, text.split("\n")))
        every = text.split("\n") if listed is None else listed
        sure = line_confidences(result.tokens, every, result.confidence)
        kept = [(line, p) for line, p in zip(every, sure, strict=True) if line.strip()]
        lines, confidences = [line for line, _ in kept], [p for _, p in kept]
        compared = compare(lines, confidences, words)
        parted = part_words(words, compared.said, compared.shared)
        if len(parted) > len(words):
            compared = compare(lines, confidences, parted)
        return _handed_out(result, parted, compared, self._name, self.text_from)

    def _find_values(
        self, result: VisionResult, words: Sequence[Word], question: str = ""
    ) -> VisionResult:
        value = result.text if result.value is None and not result.abstained else result.value
        found = Check(
            recognizer=self._name,
            words=tuple(map(plain, words)),
            ocr_text=recognised_text(words),
            model_text=result.text,
            model_confidence=result.confidence,
            evidence=find_evidence(value, words, question),
        )
        return result.model_copy(update={"check": found})

    @property
    def _name(self) -> str:
        return self.recognizer.name if self.recognizer else ""


def parse_checking(check: object, source: object, layout: TextLayout) -> CheckName | None:
    """Return `check` if it names a recogniser, or None; nothing is loaded.

    Raises:
        BadOptions: an unknown name, or a source without a check, or that the layout does not have.
    """
    name = parse_check(check)
    if source not in ("model", "ocr", "best"):
        raise BadOptions(f"`source={source!r}` is unknown", "Use one of model, ocr, best.")
    if name is None and source != "model":
        raise BadOptions(f'`source="{source}"` needs a check', 'Add `check="ocr"`.')
    if layout == "markdown" and source != "model":
        raise BadOptions(
            f'`source="{source}"` has no Markdown: print is recognised without headings and tables',
            'Use `layout="plain"` or `source="model"`.',
        )
    return name


def open_checker(
    check: object,
    source: object,
    policy: ImagePolicy,
    layout: TextLayout = "plain",
    check_memory: CheckMemory | None = None,
) -> Checker:
    """What a call's `check` and `source` ask for.

    Raises:
        BadOptions: see `parse_checking`.
        BackendUnavailable: what is needed for it is not installed.
    """
    name = parse_checking(check, source, layout)
    if name is None:
        return Checker(None, "model", policy, layout)
    check_library()
    recognizer = open_recognizer(name)
    return Checker(recognizer, cast("CheckedText", source), policy, layout, check_memory)


def _without_marks(line: str) -> str:
    """A line of Markdown as it would be printed; of a table's rule nothing is left."""
    text = line.translate(_MARKS).strip().removeprefix("- ")
    return text if text.strip("-: ") else ""


def _unchanged(result: VisionResult) -> VisionResult:
    return result


def _smaller(size: tuple[int, int]) -> tuple[int, int] | None:
    scale = _LONGEST / max(size)
    return (round(size[0] * scale), round(size[1] * scale)) if scale < 1 else None


def _scaled(box: Box, across: float, down: float) -> Box:
    return Box(
        left=box.left * across,
        top=box.top * down,
        right=box.right * across,
        bottom=box.bottom * down,
    )


def _handed_out(
    result: VisionResult,
    words: Sequence[Word],
    compared: Compared,
    recognizer: str,
    text_from: CheckedText,
) -> VisionResult:
    """A transcription with its check, and with the text that is wanted."""
    text, confidence, origin = result.text, compared.confidence, result.text_source
    flags: list[Flag] = [*result.flags]
    if any(not line.supported for line in compared.lines):
        flags.append("unsupported")
    if compared.missing:
        flags.append("missing_words")
    if not words and text.strip() and origin != "layer":
        flags.append("nothing_recognised")
        text = ""
    if text_from != "model":
        written = write_best(words, compared, only_ocr=text_from == "ocr")
        text, confidence = written.text, written.confidence
        if text != result.text:
            origin = "both" if written.by_model else "ocr"
        if result.finish_reason == "repetition":
            flags.append("recovered")
    check = Check(
        recognizer=recognizer,
        words=tuple(map(plain, words)),
        ocr_text=recognised_text(words),
        model_text=result.text,
        text_from=text_from,
        agreement=compared.agreement,
        model_confidence=result.confidence,
        lines=compared.lines,
        missing=tuple(map(plain, compared.missing)),
    )
    update: dict[str, Any] = {
        **{"text": text, "confidence": confidence, "text_source": origin},
        **{"flags": tuple(flags), "check": check},
    }
    if text != result.text and isinstance(result.value, list):
        update["value"] = [line for line in text.split("\n") if line.strip()]
    elif isinstance(result.value, str):
        update["value"] = text
    return result.model_copy(update=update)
