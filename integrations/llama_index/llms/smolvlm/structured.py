"""A pydantic class → what a reply is held to, and the instance that is made of it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatResponse
from pydantic import BaseModel

from smolvlm_tools import incomplete_answer
from smolvlm_tools.constraints import json_schema
from smolvlm_tools.errors import BadOptions
from smolvlm_tools.types import OnIncomplete, VisionResult

Model = TypeVar("Model", bound=BaseModel)


def for_class(
    output_cls: type[BaseModel], policy: OnIncomplete | None, given: dict[str, Any] | None
) -> dict[str, Any]:
    """Options of a structured answer; the `stop` of the LLM's fields is for free text.

    Args:
        output_cls: what the answer becomes.
        policy: `on_incomplete` of the LLM's fields.
        given: options of the call.

    Raises:
        BadOptions: the call wants no instance and no error.
    """
    wanted = given or {}
    if wanted.get("on_incomplete") == "abstain":
        raise BadOptions(
            f"there is no {output_cls.__name__} for on_incomplete='abstain'",
            "Leave it out and catch IncompleteAnswer, or use 'complete'.",
        )

    def parse(text: str) -> Any:
        output_cls.model_validate_json(text)  # its own validators may refuse
        return json.loads(text)  # as data: the response is serialized on its way

    own = "complete" if policy == "complete" else "raise"
    answer = json_schema(output_cls.model_json_schema(), parse)
    return {"stop": (), "on_incomplete": own, **wanted, "answer": answer}


def instance(output_cls: type[Model], response: ChatResponse) -> Model:
    """The instance that a response says.

    Raises:
        IncompleteAnswer: it says none.
    """
    result = VisionResult.model_validate(response.raw)
    if result.abstained:
        raise incomplete_answer(result)
    return output_cls.model_validate_json(json.dumps(result.value))
