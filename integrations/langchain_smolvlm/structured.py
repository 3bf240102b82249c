"""A schema in any of LangChain's forms → what the engine enforces, and the parser of its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Literal, TypeAlias, cast, get_args

from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from smolvlm_tools.errors import BadOptions

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
Schema: TypeAlias = Mapping[str, Any] | type
METHODS = get_args(Method)
"""How providers are asked for structure. Here all three are the same: decoding is constrained."""

_TOOL_FORMS = frozenset({"function", "parameters", "input_schema"})
"""Keys of tools in OpenAI's and Anthropic's forms, which are taken for schemas too."""


def structured(
    bind: Callable[..., Runnable[Any, Any]],
    schema: Schema | None,
    include_raw: bool,
    method: str,
    options: Mapping[str, Any],
) -> Runnable[Any, Any]:
    """A chat model held to a schema, and its parser; see `ChatSmolVLM.with_structured_output`.

    Raises:
        BadOptions: an unknown method.
    """
    if method not in METHODS:
        raise BadOptions(f"unknown method {method!r}", f"Use one of {', '.join(METHODS)}.")
    if schema is None:
        schema = {"title": "object", "type": "object"}
    told = {"kwargs": {"method": method}, "schema": schema}
    bound = bind(answer=_json_schema(schema), ls_structured_output_format=told, **options)
    parser = _parser(schema)
    if not include_raw:
        return bound | parser
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _parser(schema: Schema) -> BaseOutputParser[Any]:
    """From the reply's text to an instance of a pydantic class, or to plain data."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def _json_schema(schema: Schema) -> dict[str, Any]:
    """The schema as it was written, if it is one: LangChain's conversion leaves parts out."""
    if isinstance(schema, Mapping) and not _TOOL_FORMS & set(schema):
        return dict(schema)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    return convert_to_json_schema(cast("Any", schema))
