"""Writes the manifest of the package's checkpoint: the size and digest of each of its files.

python examples/embedded_model/manifest.py smolvlm_tools/embedded
"""

from __future__ import annotations

import sys
from pathlib import Path

from smolvlm_tools.checkpoint.digests import digest_file
from smolvlm_tools.checkpoint.files import list_files
from smolvlm_tools.checkpoint.known_files import FileFacts
from smolvlm_tools.checkpoint.manifest import MANIFEST, Manifest
from smolvlm_tools.export.unit import source_digest


def write_manifest(folder: Path) -> None:
    """List every file that loads; an export's own manifest leaves the checkpoint's weights out."""
    files = {
        name: FileFacts((folder / name).stat().st_size, digest_file(folder / name).sha256)
        for name in list_files(folder) - {MANIFEST}
    }
    Manifest(source_digest(folder), files, {"fp32": {}, "int8": {}}).write(folder)


if __name__ == "__main__":
    write_manifest(Path(sys.argv[1]))
