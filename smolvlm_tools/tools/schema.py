"""Base classes of the tools' models, and their JSON schemas in a plain form that all clients read.

pydantic's own schemas are correct but hard on language models and on the stricter clients: every
field carries a title, optional fields are unions with null, nested models are references. The
schemas here have no titles and no references, and an optional field is simply one that may be left
out. (null still counts as left out: clients in a strict mode must send every field.)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from .page_choice import PageChoice


class Arguments(BaseModel):
    """Arguments, or a part of them: unknown names are refused, and values are not converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        given = cast("Mapping[str, Any]", data)
        return {name: value for name, value in given.items() if value is not None}


class ToolInput(Arguments):
    """Arguments of a tool."""

    @property
    @abstractmethod
    def sources(self) -> list[str]:
        """The image arguments in order."""

    @property
    def page_choice(self) -> PageChoice:
        """Which pages of documents are meant, and how many images the tool takes."""
        return PageChoice()


class ToolOutput(BaseModel):
    """What a tool returns; optional fields without a value are left out when it is dumped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _leave_out(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {
            name: value
            for name, value in dump(self).items()
            if value is not None or fields[name].is_required()
        }


def plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, without titles, references and nulls.

    The root's description goes too: it is the class's docstring, meant for readers of the code.
    So do those of the models in lists, whose field is described.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    schema.pop("description", None)
    return _plain(schema, schema.get("$defs", {}))


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) == 1:
        schema = {**branches[0], **{key: v for key, v in schema.items() if key != "anyOf"}}
        return _plain(schema, definitions)
    plain = {
        key: value
        for key, value in schema.items()
        if key not in ("title", "$defs") and not (key == "default" and value is None)
    }
    if "properties" in plain:
        plain["properties"] = {
            name: _plain(field, definitions) for name, field in plain["properties"].items()
        }
    for part in ("items", "additionalProperties"):
        if isinstance(plain.get(part), dict):
            described = "$ref" not in plain[part]
            plain[part] = _plain(plain[part], definitions)
            if not described:
                plain[part].pop("description", None)
    return plain
