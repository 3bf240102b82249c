"""A reply that is whole, cut or unsure has the outcome of its policy on every surface."""

from __future__ import annotations

import functools
import io
import json
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from smolvlm_tools import IncompleteAnswer, SmolVLM
from smolvlm_tools.cli.run import run
from tests.support.paths import RECEIPT, ROOT


class Receipt(BaseModel):
    vendor: str
    total: float


QUESTION = "Fill in the receipt. Answer in JSON."
READ = {"vendor": "CORNER CAFE", "total": 7.5}
REPLIES: dict[str, dict[str, Any]] = {
    "whole": {},
    "cut": {"max_new_tokens": 18},
    "unsure": {"min_confidence": 1.0},
}


@dataclass(frozen=True)
class Outcome:
    """What a surface gave.

    Attributes:
        value: as JSON data; None where there is none.
        why: why there is none.
        failed: whether it was an error, or an exit code that says so.
    """

    value: Any = None
    why: str | None = None
    failed: bool = False


def surface(module: str | None = None):
    """A surface whose package may not be installed."""

    def wrap(ask):
        @functools.wraps(ask)
        def run_or_skip(reply: dict[str, Any], policy: str | None) -> Outcome:
            if module:
                pytest.importorskip(module, reason=f"{module} is not installed")
            options = {**reply, **({"on_incomplete": policy} if policy else {})}
            try:
                return ask(options)
            except IncompleteAnswer as error:
                return Outcome(None, error.result.incomplete, failed=True)

        return run_or_skip

    return wrap


@surface()
def python(options):
    with SmolVLM.load("embedded") as vlm:
        result = vlm.ask(RECEIPT, QUESTION, answer=Receipt, **options)
    value = result.value.model_dump() if result.value else None
    return Outcome(value, result.incomplete)


@surface()
def command_line(options):
    flags = [part for name, value in options.items() for part in (_flag(name), str(value))]
    printed, code = _extract(*flags)
    told, code_of_json = _extract(*flags, "--json")
    result = json.loads(told)
    assert code == code_of_json and json.loads(printed or "null") == result["value"]
    assert code in (0, 6)
    return Outcome(result["value"], result["incomplete"], failed=code == 6)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _extract(*options: str) -> tuple[str, int]:
    """Run the command in this process: stdout and the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder, "schema.json")
        schema.write_text(json.dumps(Receipt.model_json_schema()))
        given = ["extract", str(RECEIPT), "--schema", str(schema), "--model", "embedded", *options]
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run(given)
    assert (code == 6) == ("error: " in err.getvalue())
    return out.getvalue().strip(), code


@surface("langchain_core")
def langchain(options):
    from langchain_core.messages import HumanMessage
    from langchain_smolvlm import ChatSmolVLM

    image = {"type": "image", "path": str(RECEIPT)}
    message = HumanMessage([image, {"type": "text", "text": QUESTION}])
    chat = ChatSmolVLM(model="embedded")
    value = chat.with_structured_output(Receipt, **options).invoke([message])
    if value is not None:
        return Outcome(value.model_dump())
    raw = chat.with_structured_output(Receipt, include_raw=True, **options).invoke([message])
    return Outcome(None, raw["raw"].response_metadata["incomplete"])


@surface("llama_index.core")
def llama_index(options):
    from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
    from llama_index.core.prompts import ChatPromptTemplate
    from llama_index.llms.smolvlm import SmolVLMLLM

    blocks = [ImageBlock(path=RECEIPT), TextBlock(text=QUESTION)]
    prompt = ChatPromptTemplate(message_templates=[ChatMessage(blocks=blocks)])
    found = SmolVLMLLM(model="embedded").structured_predict(Receipt, prompt, options)
    return Outcome(found.model_dump())


@surface("mcp")
def mcp_over_stdio(options):
    from mcp.client.client import Client

    from tests.support.mcp_servers import PATIENCE, on_stdio

    async def call():
        server = on_stdio("--model", "embedded", cwd=ROOT)
        arguments = {"image": str(RECEIPT), "schema": Receipt.model_json_schema(), **options}
        with anyio.fail_after(PATIENCE):
            async with Client(server) as client:
                return await client.call_tool("extract_fields", arguments)

    result = anyio.run(call)
    assert not result.is_error, "agents get a result that says so"
    told, words = result.structured_content, result.content[0].text
    if not told["abstained"]:
        return Outcome(told["value"])
    why = "cut" if "truncated" in told["flags"] else "unsure"
    assert {"cut": "cut off", "unsure": "not sure"}[why] in words
    return Outcome(told["value"], why)


ABSTAINS, RAISES = "abstain", "raise"
SURFACES = {
    python: (ABSTAINS, [None, "abstain", "raise", "complete"]),
    command_line: (RAISES, [None, "abstain", "raise", "complete"]),
    langchain: (RAISES, [None, "abstain", "raise", "complete"]),
    llama_index: (RAISES, [None, "raise", "complete"]),
    mcp_over_stdio: (ABSTAINS, [None]),
}
"""Of each surface: its default, and the policies that it offers; None leaves it to the default."""

CASES = [
    pytest.param(ask, default, policy, reply, id=f"{ask.__name__}-{policy or 'default'}-{reply}")
    for ask, (default, policies) in SURFACES.items()
    for policy in policies
    for reply in REPLIES
]


@pytest.mark.parametrize(("ask", "default", "policy", "reply"), CASES)
def test_a_reply_has_the_outcome_that_the_policy_says(embedded, ask, default, policy, reply):
    outcome = ask(REPLIES[reply], policy)
    if reply == "whole":
        assert outcome == Outcome(READ)
    elif reply == "cut" and policy == "complete":
        assert outcome.value.keys() == READ.keys() and outcome.value != READ
        assert outcome.why is None and not outcome.failed
    else:  # "complete" makes up no end for what is whole and unsure
        effective = default if policy in (None, "complete") else policy
        assert outcome == Outcome(None, reply, failed=effective == RAISES)
