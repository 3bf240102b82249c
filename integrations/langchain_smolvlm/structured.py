"""A schema in any of LangChain's forms → what the engine enforces, and the parser of its reply."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, TypeAlias, cast, get_args

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseGenerationOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from smolvlm_tools import check_options, incomplete_answer
from smolvlm_tools.errors import BadOptions
from smolvlm_tools.types import OnIncomplete, VisionResult

from .incoming import hold_input
from .replies import to_result

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
Schema: TypeAlias = Mapping[str, Any] | type
METHODS = get_args(Method)
"""How providers are asked for structure. Here all three are the same: decoding is constrained."""

_TOOL_FORMS = frozenset({"function", "parameters", "input_schema"})
"""Keys of tools in OpenAI's and Anthropic's forms, which are taken for schemas too."""

_POLICY = ("min_confidence", "min_field_confidence")


class ValueParser(BaseGenerationOutputParser[Any]):
    """From a reply to its value: an instance of a pydantic class, or plain data.

    Attributes:
        made: the class; None for plain data.
        may_abstain: whether a reply without a value is None instead of an error.
    """

    made: Any = None
    may_abstain: bool = False

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The value of the first generation.

        Raises:
            IncompleteAnswer: it has none.
        """
        message = cast("AIMessage", cast("ChatGeneration", result[0]).message)
        found = to_result(message)
        if found.abstained:
            return self._no_value(found)
        if self.made is None:
            return found.value
        try:
            if issubclass(self.made, BaseModel):
                return self.made.model_validate_json(json.dumps(found.value))
            return self.made.parse_obj(found.value)  # of pydantic 1
        except ValueError as error:
            refused: dict[str, Any] = {"abstained": True, "incomplete": "rejected", "value": None}
            return self._no_value(found.model_copy(update=refused), error)

    def _no_value(self, found: VisionResult, refusal: ValueError | None = None) -> None:
        if not self.may_abstain:
            raise incomplete_answer(found, refusal) from refusal


class Structured(RunnableBindingBase[LanguageModelInput, Any]):
    """A chain of a model and its parser; callbacks see digests in the place of image data."""

    def invoke(self, input: LanguageModelInput, *args: Any, **kwargs: Any) -> Any:
        return super().invoke(hold_input(input), *args, **kwargs)

    async def ainvoke(self, input: LanguageModelInput, *args: Any, **kwargs: Any) -> Any:
        return await super().ainvoke(hold_input(input), *args, **kwargs)

    def stream(self, input: LanguageModelInput, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return super().stream(hold_input(input), *args, **kwargs)

    def astream(self, input: LanguageModelInput, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        return super().astream(hold_input(input), *args, **kwargs)

    def astream_events(self, input: LanguageModelInput, *args: Any, **kwargs: Any) -> Any:
        return super().astream_events(hold_input(input), *args, **kwargs)

    def batch(self, inputs: list[LanguageModelInput], *args: Any, **kwargs: Any) -> list[Any]:
        return super().batch([hold_input(each) for each in inputs], *args, **kwargs)

    async def abatch(
        self, inputs: list[LanguageModelInput], *args: Any, **kwargs: Any
    ) -> list[Any]:
        return await super().abatch([hold_input(each) for each in inputs], *args, **kwargs)

    def batch_as_completed(
        self, inputs: Sequence[LanguageModelInput], *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        held = [hold_input(each) for each in inputs]
        return super().batch_as_completed(held, *args, **kwargs)

    def abatch_as_completed(
        self, inputs: Sequence[LanguageModelInput], *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        held = [hold_input(each) for each in inputs]
        return super().abatch_as_completed(held, *args, **kwargs)


def structured(
    bind: Callable[..., Runnable[Any, Any]],
    schema: Schema | None,
    include_raw: bool,
    method: str,
    on_incomplete: OnIncomplete,
    options: Mapping[str, Any],
) -> Runnable[Any, Any]:
    """A chat model held to a schema, and its parser; see `ChatSmolVLM.with_structured_output`.

    Raises:
        BadOptions: an unknown method, or an impossible policy.
    """
    if method not in METHODS:
        raise BadOptions(f"unknown method {method!r}", f"Use one of {', '.join(METHODS)}.")
    policy = {name: options[name] for name in _POLICY if name in options}
    check_options({**policy, "on_incomplete": on_incomplete})
    if schema is None:
        schema = {"title": "object", "type": "object"}
    told = {"kwargs": {"method": method}, "schema": schema}
    bound = bind(
        answer=_json_schema(schema),
        # The parser raises: an engine that does would keep the message from `include_raw`.
        on_incomplete="complete" if on_incomplete == "complete" else "abstain",
        ls_structured_output_format=told,
        **options,
    )
    is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
    parser = ValueParser(made=schema if is_class else None, may_abstain=on_incomplete == "abstain")
    if not include_raw:
        return Structured(bound=bound | parser)
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    chain = RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")
    return Structured(bound=chain)


def _json_schema(schema: Schema) -> dict[str, Any]:
    """The schema as it was written, if it is one: LangChain's conversion leaves parts out."""
    if isinstance(schema, Mapping) and not _TOOL_FORMS & set(schema):
        return dict(schema)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    return convert_to_json_schema(cast("Any", schema))
