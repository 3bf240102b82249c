"""Entry point of the desktop bundle: its arguments are the folders the user chose.

The bundle's host passes the chosen folders as plain arguments; the server wants a flag before each.
Everything else comes in environment variables (manifest.json).
"""

from __future__ import annotations

import os
import sys

from smolvlm_mcp.command import main


def flags(folders: list[str]) -> list[str]:
    """The server's flags for these folders; `${HOME}` in them is the user's home."""
    return [
        part
        for folder in folders
        for part in ("--root", folder.replace("${HOME}", os.path.expanduser("~")))
    ]


if __name__ == "__main__":
    sys.argv[1:] = flags(sys.argv[1:])
    main()
