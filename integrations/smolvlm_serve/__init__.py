"""`smolvlm serve`: SmolVLM over HTTP, in the APIs that other programs speak already.

    guard, bodies (smolvlm_mcp) -> Front (names, origin, token) -> app (routes) -> the engine

    command, settings, serving    flags -> settings -> a running server
    app, front                    routes; what every request meets first
    faults                        errors as OpenAI's API shows them
    models                        which models are served, and their engines
    requests, talking             bodies -> conversations; a reply that stops when its client leaves
    openai/                       /v1/chat/completions, /v1/responses, /v1/models, /v1/files
    ollama/                       /api/chat, /api/generate, /api/tags
    tools                         /v1/tools, /v1/decide
    plans, stats                  what the page asks: costs before anything runs, and figures
    page/                         the page at /

Needs `pip install 'smolvlm-tools[serve]'`. docs/serve.md is the guide.
"""

from __future__ import annotations

from smolvlm_tools import __version__

__all__ = ["__version__"]
