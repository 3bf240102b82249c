"""A calibration: how a confidence becomes the share of such answers that are right.

`smolvlm calibrate` fits one on labelled images and writes it as JSON; `SmolVLM.load(calibration=…)`
applies it to every reply before the reply is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from ..errors import BadOptions
from ..machine.whole_file import write_whole
from ..types import Value
from .scales import Kind, Prior, Scale

_REMEDY = "Give a file that `smolvlm calibrate` has written."
_Share = Annotated[float, Field(ge=0, le=1)]
_Interval = tuple[_Share, _Share]


class Figures(Value):
    """How well confidences tell what is right.

    Attributes:
        auroc: chance that a right answer has a higher confidence than a wrong one; None where all
            are right or all wrong.
        error: expected calibration error over tenths of confidence (Guo et al. 2017).
        auroc_interval, error_interval: central 95 % over resampled items (bootstrap).
        right: share of right answers.
    """

    right: _Share
    auroc: _Share | None
    auroc_interval: _Interval | None
    error: _Share
    error_interval: _Interval


class FittedKind(Value):
    """The scale of one kind of answer, and what it was worth.

    Attributes:
        answers: that it was fitted on.
        measured_on: other answers than it was fitted on: each fifth of them by a scale of the other
            four ("out of fold"), or a file of their own ("held out").
        before, after: on those.
    """

    kind: Kind
    scale: Scale
    answers: Annotated[int, Field(ge=1)]
    measured_on: Literal["out of fold", "held out"]
    before: Figures
    after: Figures

    @model_validator(mode="after")
    def _check_offset(self) -> FittedKind:
        if self.kind == "choice" and self.scale.offset:
            raise ValueError("a choice has a temperature only, its offset must be 0")
        return self


class Engine(Value):
    """What the confidences of a calibration came from; on others it does not hold.

    Attributes:
        model: id of the checkpoint.
        revision: commit on the hub; None for a folder.
    """

    model: str
    revision: str | None
    backend: str
    precision: str


class Calibration(Value):
    """Scales by kind of answer, or priors by options, of one engine. Immutable.

    Attributes:
        version: of this form.
        method: "labelled" has `kinds`, "content-free" has `priors`.
        engine: what it was made with.
        package: version of smolvlm-tools.
        date: day on which it was made, YYYY-MM-DD.
        kinds: of answers that are calibrated; the others stay as they are.
        priors: by which closed choices of exactly these options are corrected.
    """

    version: Literal[1] = 1
    method: Literal["labelled", "content-free"]
    engine: Engine
    package: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    kinds: tuple[FittedKind, ...] = ()
    priors: tuple[Prior, ...] = ()

    @model_validator(mode="after")
    def _check_unique(self) -> Calibration:
        kinds = [each.kind for each in self.kinds]
        sets = [frozenset(each.options) for each in self.priors]
        if len(set(kinds)) < len(kinds) or len(set(sets)) < len(sets):
            raise ValueError("a kind or a set of options is given twice")
        if (self.kinds and self.method != "labelled") or (
            self.priors and self.method != "content-free"
        ):
            raise ValueError(f"the method {self.method!r} has no such part")
        return self

    @classmethod
    def read(cls, path: str | Path) -> Calibration:
        """Read a file.

        Raises:
            BadOptions: it cannot be read, or is not a calibration.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes(), strict=True)
        except OSError as error:
            raise BadOptions(
                f"the calibration {str(path)!r} cannot be read ({error.strerror})", _REMEDY
            ) from None
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"]))
            what = f"{place}: {problem['msg']}" if place else problem["msg"]
            raise BadOptions(f"{str(path)!r} is not a calibration: {what}", _REMEDY) from None

    def save(self, path: str | Path) -> None:
        """Write a file, whole or not at all.

        Raises:
            BadOptions: it cannot be written.
        """
        path = Path(path)
        try:
            write_whole(path, self.model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise BadOptions(
                f"{str(path)!r} cannot be written ({error.strerror})", "Name another file."
            ) from None

    def check_engine(self, engine: Engine) -> None:
        """Refuse to calibrate another engine than the one it was made with.

        Raises:
            BadOptions: it names what differs.
        """
        mine, other = self.engine.model_dump(), engine.model_dump()
        differing = [name for name in mine if mine[name] != other[name]]
        if differing:
            name = differing[0]
            raise BadOptions(
                f"the calibration was made with {name} {mine[name]!r}, this is {other[name]!r}",
                f"Load the {name} it was made with, or run `smolvlm calibrate` for this one.",
            )

    def scale(self, kind: Kind | None) -> Scale | None:
        """The scale of a kind; None where it stays as it is."""
        return next((each.scale for each in self.kinds if each.kind == kind), None)

    def choice(
        self, kind: Kind | None, options: Sequence[str], probabilities: Sequence[float]
    ) -> tuple[float, ...] | None:
        """Calibrated probabilities of all options, which sum to 1; None where they stay.

        An offset or a prior may make another option the likeliest; a temperature never does.
        """
        scale = self.scale(kind)
        if scale is not None:
            return scale.options(options, probabilities)
        for prior in self.priors:
            if set(prior.options) == set(options):
                return prior.correct(options, probabilities)
        return None
