"""Numbers for Prometheus at /metrics, by prometheus-client where that is installed."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

from smolvlm_tools import __version__

from .bodies import Room
from .guard import Door
from .observing import Activity, CallRecord

MISSING = "Metrics need the package prometheus-client: pip install 'smolvlm-tools[metrics]'\n"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """The numbers of one server, in a registry of their own."""

    def __init__(self, client: Any, activity: Activity) -> None:
        self._client = client
        self._activity = activity
        self._registry = client.CollectorRegistry()
        self.media_type: str = client.CONTENT_TYPE_LATEST
        made = {"registry": self._registry, "namespace": "smolvlm"}
        self._calls = client.Counter("calls", "Calls that ended.", ["tool", "outcome"], **made)
        self._seconds = client.Histogram(
            "call_seconds", "What calls took.", ["tool"], buckets=_SECONDS, **made
        )
        self._stages = client.Histogram(
            "stage_seconds", "What stages of calls took.", ["stage"], buckets=_SECONDS, **made
        )
        client.Info("build", "This server.", **made).info({"version": __version__})
        client.ProcessCollector(registry=self._registry)  # resident memory, descriptors, CPU
        activity.observers.append(self._observe)

    @classmethod
    def make(cls, activity: Activity) -> Metrics | None:
        """Metrics of these calls, or None without prometheus-client."""
        try:
            import prometheus_client
            import prometheus_client.core
        except ModuleNotFoundError:
            return None
        return cls(prometheus_client, activity)

    def watch(self, door: Door, sessions: Sized, room: Room) -> None:
        """Also tell of connections, sessions and bodies."""
        self._registry.register(_Now(self._client, self._activity, door, sessions, room))

    def text(self) -> bytes:
        """All of them in the text format."""
        return self._client.generate_latest(self._registry)

    def _observe(self, record: CallRecord) -> None:
        self._calls.labels(record.tool, record.outcome).inc()
        self._seconds.labels(record.tool).observe(record.seconds)
        for stage, seconds in record.stages.items():
            self._stages.labels(stage).observe(seconds)


class _Now:
    """What is counted elsewhere, read when somebody asks."""

    def __init__(
        self, client: Any, activity: Activity, door: Door, sessions: Sized, room: Room
    ) -> None:
        self._core = client.core
        self._activity, self._door, self._sessions, self._room = activity, door, sessions, room

    def collect(self) -> Iterable[Any]:
        """The numbers of this moment."""
        for name, about, value in (
            ("calls_running", "Calls that have not ended.", self._activity.running),
            ("calls_waiting", "Those that the engine has not taken yet.", self._activity.waiting),
            ("image_store_bytes", "Bytes of images that are kept.", self._activity.held()),
            ("http_connections", "Connections that are open.", len(self._door)),
            ("http_body_bytes", "Bytes granted to bodies of requests.", self._room.held),
            ("sessions", "Sessions of the 2025 era.", len(self._sessions)),
        ):
            yield self._core.GaugeMetricFamily(f"smolvlm_{name}", about, value)
        closed = self._core.CounterMetricFamily(
            "smolvlm_http_ended", "Connections and bodies that were ended.", labels=["reason"]
        )
        for reason, count in self._door.closed.items():
            closed.add_metric([reason], count)
        yield closed
