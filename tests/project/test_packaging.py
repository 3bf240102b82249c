from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import smolvlm_tools
from tests.support.paths import ROOT

HEAVY = ["torch", "onnxruntime", "transformers", "onnx", "huggingface_hub", "httpx2", "typer"]
PUBLIC = """
    ALIASES Ask AsyncReplyStream BackendUnavailable BadArguments BadDimensions BadEncoding
    BadOptions BadPrompt BadSamples Box Busy CacheLimits Calibration Cancelled Check CheckedLine
    CheckedWord Checkpoint Clip Closed Evidence Word
    CorruptImage DocumentTooCostly EngineSource ExpectedSeconds FetchFailed FetchTimeout
    GenerationOptions GivenEngine IN_JSON
    ImageNotFound ImagePart ImagePlan ImagePolicy ImageTooLarge IncompleteAnswer InputError
    LoadPlan LoadedImage Message ModelError ModelInvalid ModelNotFound OutOfMemoryBudget
    PageRef PagesNeeded
    PasswordRequired PathNotAllowed Progress Rating RemoteFailed RemoteTimeout
    ReplyStream RequestOptions RequestPlan
    SchemaNotSupported SharedEngine SmolVLM SmolVLMError StageSeconds StoreFull StreamChunk TextPart
    Token TrainingFailed
    Tuning UnknownTool UnsupportedFormat UrlNotAllowed Usage VisionResult ask_messages
    check_load_options check_options check_request_options check_url describe_messages
    engine_source incomplete_answer load_image
    open_checkpoint parse_bytes plan_model transcribe_messages tune_model url_scheme
    find_checks find_name view_image
""".split()


def python(code: str, **environment: str) -> str:
    """Run Python outside the repository; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_public_names_are_these():
    assert sorted(smolvlm_tools.__all__) == sorted(PUBLIC)
    assert all(getattr(smolvlm_tools, name) is not None for name in PUBLIC)
    assert set(PUBLIC) <= set(dir(smolvlm_tools))
    with pytest.raises(AttributeError, match="SmolVlm"):
        _ = smolvlm_tools.SmolVlm


def test_every_public_name_says_what_it_is():
    def documented(value):
        return isinstance(value, dict) or bool((value.__doc__ or "").strip())

    undocumented = {n for n in PUBLIC if not documented(getattr(smolvlm_tools, n))}
    errors = {n for n in PUBLIC if n in vars(smolvlm_tools.errors)}
    assert undocumented <= errors, "the tree at the top of errors.py says what each of those is"


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, smolvlm_tools; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code, PYTHONPATH=str(ROOT)) == "[]\n"


def test_the_engine_loads_no_runtime_until_a_model_is_loaded():
    runtimes = ["torch", "onnxruntime", "transformers", "onnx"]
    code = "import sys; from smolvlm_tools import *; "
    code += f"print([m for m in {runtimes} if m in sys.modules])"
    assert python(code, PYTHONPATH=str(ROOT)) == "[]\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    builder = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(builder.WheelBuilder(str(ROOT)).build(directory=str(folder))))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    information = f"smolvlm_tools-{smolvlm_tools.__version__}.dist-info"
    own = {"smolvlm_tools", "smolvlm_mcp", "smolvlm_serve", "langchain_smolvlm"}
    packages = own | {"llama_index"}
    assert tops == {*packages, information}
    assert {f"{top}/py.typed" for top in own} <= set(names)
    folders = {ROOT: ["smolvlm_tools"], ROOT / "integrations": packages - {"smolvlm_tools"}}
    modules = {
        path.relative_to(folder).as_posix()
        for folder, inside in folders.items()
        for package in inside
        for path in (folder / package).rglob("*.py")
    }
    assert modules <= set(names)
    namespaces = {"llama_index", *(f"llama_index/{kind}" for kind in ("readers", "llms", "tools"))}
    assert not {f"{folder}/__init__.py" for folder in namespaces} & set(names), "PEP 420"
    strays = [n for n in names if n.endswith("README.md") and not n.startswith("smolvlm_tools/")]
    assert not strays
    assert not [name for name in names if "__pycache__" in name or "test" in name]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_embedded_checkpoint(wheel, embedded):
    infos = zipfile.ZipFile(wheel).infolist()
    sizes = {i.filename: i.file_size for i in infos if i.filename.startswith("smolvlm_tools/emb")}
    present = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "smolvlm_tools" / "embedded").rglob("*")
        if path.is_file()
    }
    assert set(sizes) == present
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"):
        assert f"smolvlm_tools/embedded/{name}" in sizes
    assert any(name.endswith(".onnx") for name in sizes)
    assert sum(sizes.values()) <= 24_000_000


def test_the_base_install_needs_no_torch_and_every_extra_is_known(wheel):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("METADATA"))
    lines = archive.read(name).decode().splitlines()
    needs = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    base = " ".join(need for need in needs if "extra ==" not in need)
    assert "onnxruntime" in base and "torch" not in base and "transformers" not in base
    extras = {line.partition(": ")[2] for line in lines if line.startswith("Provides-Extra: ")}
    assert {"torch", "export", "mcp", "all", "dev"} <= extras
    assert "Requires-Python: >=3.11" in lines
    script = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    scripts = archive.read(script).decode()
    assert "smolvlm = smolvlm_tools.cli:main" in scripts
    assert "[smolvlm.commands]\nmcp = smolvlm_mcp.command:command" in scripts


def test_the_wheel_works_from_a_bare_folder(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import smolvlm_tools, pathlib; from smolvlm_tools import SmolVLM, load_image\n"
        "from smolvlm_tools.cli.run import run\n"
        "print(pathlib.Path(smolvlm_tools.__file__).parent.parent, run(['--version']))"
    )
    shown = python(code, PYTHONPATH=str(tmp_path)).split()
    assert shown == [smolvlm_tools.__version__, str(tmp_path), "0"]


def test_the_mcp_server_is_in_the_wheel_and_a_command_of_it(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import smolvlm_mcp.serving, pathlib\n"
        "from smolvlm_tools.cli.run import run\n"
        "print(pathlib.Path(smolvlm_mcp.__file__).parent.parent, run(['mcp', '--help']))"
    )
    shown = python(code, PYTHONPATH=str(tmp_path))
    assert shown.splitlines()[-1].split() == [str(tmp_path), "0"]
    assert "streamable HTTP" in shown
