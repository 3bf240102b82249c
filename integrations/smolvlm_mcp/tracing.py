"""OpenTelemetry spans around tool calls, if its API is installed and an SDK is set up.

A span is a child of the one that the MCP SDK opens for the message. Attributes are names, numbers
and codes; no argument and no answer is among them.
"""

from __future__ import annotations

from importlib.util import find_spec

from .observing import OK, CallRecord, Observer


def make_tracer() -> Observer | None:
    """What turns the record of a call into a span, or None without OpenTelemetry."""
    if find_spec("opentelemetry") is None:
        return None
    from opentelemetry import trace

    tracer = trace.get_tracer("smolvlm_mcp")

    def span(record: CallRecord) -> None:
        began = int(record.began * 1e9)
        made = tracer.start_span(
            f"smolvlm {record.tool}",
            start_time=began,
            attributes={
                "smolvlm.tool": record.tool,
                "smolvlm.outcome": record.outcome,
                "smolvlm.tiles": record.tiles,
                "smolvlm.prompt_tokens": record.prompt_tokens,
                "smolvlm.completion_tokens": record.completion_tokens,
            },
        )
        if record.outcome != OK:
            made.set_status(trace.StatusCode.ERROR, record.outcome)
        made.end(end_time=began + int(record.seconds * 1e9))

    return span
