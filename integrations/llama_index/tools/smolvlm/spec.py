"""The typed vision tools as LlamaIndex tools, from the one registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from llama_index.core.tools import FunctionTool, ToolMetadata
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.readers.smolvlm.generation import GenerationSettings

from smolvlm_tools import RequestOptions, SmolVLM
from smolvlm_tools.images import PolicyLike
from smolvlm_tools.tools import TOOLS, ImageStore, Tool, Toolbox, ToolOutput, find_tool, for_agent

SETTINGS = frozenset(GenerationSettings.model_fields)


class SmolVLMToolSpec(BaseToolSpec):
    """Eyes for agents: `describe_image`, `answer_question`, `extract_fields` and the others.

        >>> from llama_index.tools.smolvlm import SmolVLMToolSpec
        >>> (ask,) = SmolVLMToolSpec("embedded").to_tool_list(["answer_question"])
        >>> ask.call(
        ...     image="examples/images/shapes.png", question="What color is the circle?"
        ... ).raw_output.value
        'red'

    Names, descriptions, schemas and checks are the registry's. A tool's content is JSON text and
    its `raw_output` the output model. What is wrong with a call is raised as a `SmolVLMError`
    whose words an agent may read; LlamaIndex's agents get it as an error of the tool.

    Args:
        model: loaded by the first call that needs it, once for the whole process.
        policy: which images agents may name: "trusted", "agent", "public" or an `ImagePolicy`;
            None for `agent_policy()`: files below the working directory, no URLs.
        store: images by handle; it brings its own policy.
        engine: a loaded engine to use instead of `model`.
        options: fields of `SmolVLMLLM` that are about loading and generation, as `temperature`,
            which hold where a call says nothing (`stop` for free text only), and any other keyword
            of `SmolVLM.load`.

    Raises:
        BadOptions: an unknown option, or an impossible value.
    """

    spec_functions: list[SPEC_FUNCTION_TYPE] = list(TOOLS)  # noqa: RUF012 - as the base declares it

    def __init__(
        self,
        model: str | Path = "256m",
        *,
        policy: PolicyLike | None = None,
        store: ImageStore | None = None,
        engine: SmolVLM | None = None,
        **options: Any,
    ) -> None:
        more = {name: options.pop(name) for name in options.keys() - SETTINGS}
        if more:
            options["load_options"] = {**options.get("load_options", {}), **more}
        if engine is None or model != "256m":
            options["model"] = model
        given: dict[str, Any] = {**options, "engine": engine, "policy": policy}
        settings = GenerationSettings(**given)
        self._claim = settings.source()
        defaults = cast("RequestOptions", settings.request_options())
        self.toolbox = Toolbox(self._claim, policy=policy, store=store, options=defaults)

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The tools, or those of the given names.

        Raises:
            UnknownTool: there is none of that name.
        """
        other = func_to_metadata_mapping or {}
        names = [name if isinstance(name, str) else name[0] for name in spec_functions or TOOLS]
        return [self._tool(find_tool(name), other.get(name)) for name in names]

    def close(self) -> None:
        """Forget the images and give the engine up; it is closed when nobody else uses it."""
        self.toolbox.store.clear()
        self._claim.release()

    def __enter__(self) -> SmolVLMToolSpec:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _tool(self, tool: Tool, metadata: ToolMetadata | None) -> FunctionTool:
        def call(**arguments: Any) -> ToolOutput:
            return self.toolbox.call(tool.name, arguments)

        async def acall(**arguments: Any) -> ToolOutput:
            return await self.toolbox.acall(tool.name, arguments)

        return FunctionTool(
            fn=call,
            async_fn=acall,
            metadata=metadata or _Metadata(tool.description, tool.name, tool.input),
            callback=_content,
        )


def _content(output: ToolOutput) -> str:
    """What the model reads: JSON, with long checks shortened."""
    return json.dumps(for_agent(output), ensure_ascii=False)


class _Metadata(ToolMetadata):
    """Shows the registry's plain schema instead of pydantic's."""

    def get_parameters_dict(self) -> dict[str, Any]:
        return find_tool(self.name).input_schema()
