"""docs/security.md: its tables are what the code does; SECURITY.md names tests that there are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from smolvlm_tools import ImagePolicy, SmolVLM, load_image
from smolvlm_tools.images.policy import LARGE_FILE
from smolvlm_tools.ingest import Reading
from smolvlm_tools.pages import open_pages
from smolvlm_tools.sandbox import SHARED, WorkerLimits
from smolvlm_tools.sandbox.limits import NICE, SLOW_NICE, SLOW_SECONDS
from smolvlm_tools.tools import ImageStore, Toolbox, agent_policy
from tests.support.document_blocks import the_block
from tests.support.paths import ROOT, SHAPES

TEXT = (ROOT / "docs" / "security.md").read_text()
POLICIES = {
    "trusted": ImagePolicy(),
    "agent": ImagePolicy.agent(),
    "public": ImagePolicy.public(),
}


def table(head: str) -> list[list[str]]:
    """The cells of the table that begins so, its head first."""
    (found,) = re.findall(rf"^\| {re.escape(head)}.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    lines = [line.strip("|").split("|") for line in found.strip().splitlines()]
    return [[cell.strip() for cell in line] for line in (lines[0], *lines[2:])]


def shown(field: str, value: object) -> str:
    if field == "allowed_roots":
        return {None: "any", (Path.cwd(),): "below the working directory", (): "none"}[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def test_every_field_of_the_three_policies_is_in_the_table_as_it_is():
    head, _, *rows = table("field |")
    named = [re.findall(r"`([^`]+)`", cell) for cell in head[1:]]
    assert [names[0].strip('"') for names in named] == list(POLICIES)
    for (_, made), policy in zip(named, POLICIES.values(), strict=True):
        assert eval(made, {"ImagePolicy": ImagePolicy}) == policy
    told = {re.findall(r"`(\w+)`", row[0])[0]: row[1:] for row in rows}
    assert told == {
        field: [shown(field, getattr(policy, field)) for policy in POLICIES.values()]
        for field in ImagePolicy.model_fields
    }


def test_the_names_mean_what_the_table_says():
    for name, policy in POLICIES.items():
        assert ImagePolicy.named(name) == policy


def test_the_policies_in_the_example_can_be_made():
    code = the_block("docs/security.md", "python", "from smolvlm_tools import ImagePolicy")
    exec(code, {})


def policy_of(surface: str) -> str:
    """What the table says a surface does by default."""
    (found,) = [row[2] for row in table("surface |") if f"`{surface}`" in row[0]]
    return found


def test_what_code_names_is_trusted():
    for call in (SmolVLM.load, load_image, open_pages):
        assert inspect.signature(call).parameters["policy"].default is None
    for surface in ("SmolVLM", "load_image", "open_pages"):
        assert policy_of(surface) == '`"trusted"`'
    assert load_image(SHAPES).size == load_image(SHAPES, "trusted").size
    assert Reading().rules == ImagePolicy(max_bytes=LARGE_FILE)
    assert Reading(policy="agent").rules == ImagePolicy.agent()
    for surface in ("ingest", "smolvlm ingest", "smolvlm describe", "transcribe"):
        assert policy_of(surface).startswith(f'`"trusted"` to {LARGE_FILE // 10**6} MB')


def test_tools_have_the_agents_policy_without_urls():
    without_urls = ImagePolicy.agent().model_copy(update={"allow_urls": False})
    assert agent_policy() == without_urls
    assert ImageStore().policy == Toolbox(lambda: None).store.policy == without_urls  # type: ignore
    for surface in ("Toolbox", "SmolVLMToolkit", "SmolVLMToolSpec"):
        assert policy_of(surface) == '`agent_policy()`: `"agent"` without URLs'


def test_the_server_has_that_on_stdio_and_the_public_one_over_http(monkeypatch):
    pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    from smolvlm_mcp.serving import roots
    from smolvlm_mcp.settings import Settings

    def policy(**given):
        settings = Settings(**given)
        return agent_policy(roots(settings), allow_urls=settings.allow_urls)

    assert policy() == agent_policy()
    assert policy(http="127.0.0.1:0") == ImagePolicy.public()
    assert policy_of("smolvlm mcp --http") == '`"public"`'
    monkeypatch.chdir("/")
    assert policy() == agent_policy(())
    assert policy_of("smolvlm mcp") == "`agent_policy()`; no folder where it is started in `/`"


def test_langchains_defaults():
    pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
    from langchain_smolvlm import ChatSmolVLM, SmolVLMBlobParser, SmolVLMLoader

    assert ChatSmolVLM(model="embedded")._options({}, None)["policy"] == ImagePolicy.agent()
    assert policy_of("ChatSmolVLM") == '`"agent"`'
    for parser in (SmolVLMBlobParser(), SmolVLMLoader("any")._parser):
        assert parser._rules == ImagePolicy(isolate=True)
    assert policy_of("SmolVLMLoader") == "`ImagePolicy(isolate=True)`"


def test_llama_indexs_defaults():
    pytest.importorskip("llama_index.core", reason="llama-index-core is not installed")
    from llama_index.llms.smolvlm import SmolVLMLLM
    from llama_index.readers.smolvlm import SmolVLMImageReader, SmolVLMTransform

    assert SmolVLMLLM(model="embedded")._options({})["policy"] == ImagePolicy.agent()
    assert policy_of("SmolVLMLLM") == '`"agent"`'
    for made, surface in (
        (SmolVLMImageReader(), "SmolVLMImageReader"),
        (SmolVLMTransform(), "SmolVLMTransform"),
    ):
        assert eval(policy_of(surface).strip("`"), {"ImagePolicy": ImagePolicy}) == made._rules


def test_the_limits_of_a_call_are_those_of_the_code():
    limits = WorkerLimits()
    told = {row[0]: row[1] for row in table("of one call (`WorkerLimits`) |")[1:]}
    assert told == {
        "time by the clock": f"{limits.seconds:g} s",
        "memory": f"{limits.memory_bytes:,} bytes",
        "processor time": f"{limits.cpu_seconds} s",
        "descriptors": f"{limits.open_files}",
        "bytes written to files, core dumps": "0",
        "files, network, programs, other processes": "none but the system's fonts",
    }
    text = " ".join(TEXT.split())
    assert f"{SHARED._size} calls at a time, and {SHARED._slow} slow ones besides" in text
    assert f"slow after {SLOW_SECONDS} s" in text
    assert f"(nice {SLOW_NICE} instead of {NICE})" in text
    assert f"not needed for {SHARED._workers[0].limits.idle_seconds} s ends" in text


def test_the_threat_model_names_tests_that_there_are():
    text = (ROOT / "SECURITY.md").read_text()
    places = re.findall(r"`(tests/[\w/.]+)`", text)
    assert len(places) >= 5
    for place in places:
        assert (ROOT / place).exists(), place
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert (ROOT / "tests" / "images" / name).exists(), name


def test_every_link_to_a_heading_of_these_pages_leads_to_one():
    pages = {"security.md": TEXT, "SECURITY.md": (ROOT / "SECURITY.md").read_text()}
    pages["mcp.md"] = (ROOT / "docs" / "mcp.md").read_text()
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("integrations/*/*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text()):
            name = Path(target).name or page.name
            if name in pages:
                headings = re.findall(r"^#+ (.*)$", pages[name], re.MULTILINE)
                assert anchor in [head.lower().replace(" ", "-") for head in headings], target
