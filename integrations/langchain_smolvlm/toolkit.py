"""`SmolVLMToolkit`: the typed tools of the one registry as LangChain tools."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Self

from langchain_core.tools import BaseTool, BaseToolkit, ToolException
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from smolvlm_tools import EngineSource, SmolVLM, check_load_options, engine_source
from smolvlm_tools.errors import SmolVLMError
from smolvlm_tools.images import PolicyLike
from smolvlm_tools.tools import TOOLS, Toolbox, ToolOutput, find_tool, for_agent

from .held import hold, release
from .progress import to_graph

_MAKING = threading.Lock()


class SmolVLMToolkit(BaseToolkit):
    """Eight tools that look at images and documents; they share one engine and one image store.

        >>> from langchain_smolvlm import SmolVLMToolkit
        >>> tools = {tool.name: tool for tool in SmolVLMToolkit(model="embedded").get_tools()}
        >>> message = tools["answer_question"].invoke({"type": "tool_call", "id": "1",
        ...     "name": "answer_question",
        ...     "args": {"image": "examples/images/shapes.png", "question": "What color is the "
        ...         "circle?"}})
        >>> message.artifact["value"]
        'red'

    The weights are loaded by the first call that needs them, once for the whole process, by
    `SmolVLM.load(model, **load_options)`.

    Attributes:
        policy: which images an agent may name: "trusted", "agent", "public" or an `ImagePolicy`;
            None for `agent_policy()`: files below the working directory, no URLs.
        names: of the tools to offer; None for all.
        engine: a loaded engine to use instead of the shared one. It is not pickled.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: str = "256m"
    policy: PolicyLike | None = None
    names: list[str] | None = None
    load_options: dict[str, Any] = Field(default_factory=dict)
    engine: SmolVLM | None = Field(default=None, exclude=True, repr=False)
    _made: tuple[EngineSource, Toolbox] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse unknown tools and what no model can be loaded with.

        Raises:
            UnknownTool, BadOptions: see there.
        """
        for name in self.names or ():
            find_tool(name)
        check_load_options(self.model, **self.load_options)
        return self

    def get_tools(self) -> list[BaseTool]:
        """The tools, in the registry's order."""
        chosen = TOOLS if self.names is None else self.names
        return [
            SmolVLMTool(
                name=tool.name,
                description=tool.description,
                args_schema=tool.input,
                metadata={"title": tool.title, "read_only": tool.read_only},
                response_format="content_and_artifact",
                handle_tool_error=True,
                toolkit=self,
            )
            for tool in map(find_tool, chosen)
        ]

    @property
    def toolbox(self) -> Toolbox:
        """What runs the tools; the same for all of them, though agents call them in parallel."""
        with _MAKING:
            if self._made is None:
                source = engine_source(self.engine, self.model, **self.load_options)
                self._made = source, Toolbox(source, policy=self.policy)
            return self._made[1]

    def close(self) -> None:
        """Forget the images and give the shared engine up; its last user frees the weights."""
        with _MAKING:
            made, self._made = self._made, None
        if made is not None:
            source, toolbox = made
            toolbox.store.clear()
            source.release()

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        return {**state, "__pydantic_private__": {"_made": None}}


class SmolVLMTool(BaseTool):
    """One tool. What the model reads is the result as JSON; the artifact is the same as data.

    A long check is whole in the artifact only, see `for_agent`. A failure that the caller can mend
    comes back as an error message with its code and remedy.
    """

    toolkit: SmolVLMToolkit = Field(exclude=True, repr=False)

    @property
    def tool_call_schema(self) -> dict[str, Any]:
        """The registry's plain schema: no titles, references and nulls for a model to trip over."""
        return {**find_tool(self.name).input_schema(), "description": self.description}

    def _parse_input(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> dict[str, Any]:
        """Leave the check to the toolbox, whose errors say what is allowed instead."""
        return {"image": tool_input} if isinstance(tool_input, str) else tool_input

    def astream_events(self, input: Any, *args: Any, **kwargs: Any) -> Any:
        """See `Runnable.astream_events`; the first event has no image data in its input."""
        is_call = isinstance(input, dict) and "args" in input and input.get("type") == "tool_call"
        held = {**input, "args": hold(input["args"])} if is_call else hold(input)
        return super().astream_events(held, *args, **kwargs)

    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """See `BaseTool.run`; callbacks see digests in the place of image data."""
        return super().run(hold(tool_input), *args, **kwargs)

    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """See `BaseTool.arun`; callbacks see digests in the place of image data."""
        return await super().arun(hold(tool_input), *args, **kwargs)

    def _run(self, **arguments: Any) -> tuple[str, dict[str, Any]]:
        tell = to_graph(self.name)
        with _mendable():
            toolbox = self.toolkit.toolbox
            return _reply(toolbox.call(self.name, release(arguments), on_progress=tell))

    async def _arun(self, **arguments: Any) -> tuple[str, dict[str, Any]]:
        tell = to_graph(self.name)
        with _mendable():
            toolbox = self.toolkit.toolbox
            return _reply(await toolbox.acall(self.name, release(arguments), on_progress=tell))


def _reply(output: ToolOutput) -> tuple[str, dict[str, Any]]:
    whole = output.model_dump(mode="json", by_alias=True)
    return json.dumps(for_agent(output), ensure_ascii=False), whole


@contextmanager
def _mendable() -> Generator[None]:
    """Raise errors in the form that LangChain shows to the model."""
    try:
        yield
    except SmolVLMError as error:
        raise ToolException(f"{error.code}: {error}") from error
