"""How MCP clients are told of a server: where, and in which form.

docs/mcp.md links to where each client documents its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ClientName = Literal["claude-desktop", "claude-code", "cursor", "vscode", "zed"]


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is configured.

    Attributes:
        file: which file, for its user.
        key: under which servers stand in it.
        more: what a server that is started by a command has beside command and arguments.
    """

    file: str
    key: str = "mcpServers"
    more: dict[str, Any] = field(default_factory=dict[str, Any])


CLIENTS: dict[ClientName, Client] = {
    "claude-desktop": Client("claude_desktop_config.json (Settings, Developer, Edit Config)"),
    "claude-code": Client(".mcp.json in the project"),
    "cursor": Client(".cursor/mcp.json in the project, or ~/.cursor/mcp.json"),
    "vscode": Client(".vscode/mcp.json in the workspace", "servers", {"type": "stdio"}),
    "zed": Client("settings.json (zed: open settings file)", "context_servers", {"env": {}}),
}
