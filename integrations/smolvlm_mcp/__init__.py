"""SmolVLM as an MCP server: an adapter over `smolvlm_tools.tools`.

    command -> settings -> serving -> stdio | http -> server -> calls -> smolvlm_tools.tools
                                    |     |             |-----> cards (resources), prompts
                                    |     |-> guard, origins, bodies, sessions: whom it serves
                                    |-> lines -> parsing: what is no message
    observing -> access_log, metrics, tracing: what is told of calls

Every registered tool is served unchanged: names, schemas, checks and results are the core's.
`python -m smolvlm_mcp --model embedded` and `smolvlm mcp --model embedded` start it. Needs
`pip install 'smolvlm-tools[mcp]'`.
"""

from __future__ import annotations

from smolvlm_tools import __version__

__all__ = ["__version__"]
