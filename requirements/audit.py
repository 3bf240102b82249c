"""Asks for known vulnerabilities of what is locked: `make audit`.

`pip-audit` alone says "No known vulnerabilities found" where a registry knows no advisories and
every package was skipped. Here that is a result of its own.

Exit status: 0 every package was audited and none has a known vulnerability; 1 one has; 3 not, or
not wholly, audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINNED = ("requirements/ci.lock", "constraints.txt")
SERVICES = ("pypi", "osv")
VULNERABLE, NOT_AUDITED = 1, 3


def main() -> int:
    """Audit with the first service that answers; print what was found."""
    reasons: list[str] = []
    for service in SERVICES:
        reports = [_audit(service, ROOT / name) for name in PINNED]
        failed = [report for report in reports if isinstance(report, str)]
        found = [one for report in reports if not isinstance(report, str) for one in report]
        vulnerable = [one for one in found if one.get("vulns")]
        skipped = [one for one in found if "skip_reason" in one]
        if vulnerable:
            print("\n".join(_shown(one) for one in vulnerable))
            return VULNERABLE
        if not failed and not skipped:
            print(f"{len(found)} packages audited ({service}): no known vulnerability")
            return 0
        why = failed[0] if failed else skipped[0]["skip_reason"]
        reasons.append(
            f"not audited: {service} left out {len(skipped)} of {len(found)} packages "
            f"and {len(failed)} of {len(PINNED)} files; the first reason: {why}"
        )
    print("\n".join(reasons))
    return NOT_AUDITED


def _audit(service: str, path: Path) -> list[dict] | str:
    """What pip-audit says of each pinned package, or why it says nothing."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(path), "--no-deps"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off", "-s", service]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        return json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"pip-audit ended with {done.returncode}"


def _shown(one: dict) -> str:
    holes = "; ".join(
        f"{hole['id']} (mended in {', '.join(hole['fix_versions']) or 'no release'})"
        for hole in one["vulns"]
    )
    return f"{one['name']} {one['version']}: {holes}"


if __name__ == "__main__":
    sys.exit(main())
