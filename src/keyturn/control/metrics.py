"""``/metrics``: the workers' counters in Prometheus' text format."""

import itertools
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from keyturn import __version__
from keyturn.control.bus_server import BusServer
from keyturn.control.counts import Totals
from keyturn.telemetry.metrics import BUCKETS_S

CONTENT_TYPE = CONTENT_TYPE_LATEST.partition("; charset")[0]
"""The framework adds the charset."""
_GAUGES = {
    "open_connections": "Connections from clients that are open.",
    "open_streams": "Answers that are being streamed.",
    "requests_in_flight": "Requests let in and not yet ended.",
}
"""What workers measure and is summed over them."""


class _Node(Collector):
    """Reads the bus when asked."""

    def __init__(self, bus: BusServer) -> None:
        self._bus = bus

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from _counters(self._bus.counts.totals())
        links = self._bus.links
        for name, text in _GAUGES.items():
            total = sum(link.counted.gauges.get(name, 0.0) for link in links if link.counted is not None)
            yield GaugeMetricFamily(f"keyturn_{name}", text, value=total)
        memory = GaugeMetricFamily("keyturn_resident_bytes", "Memory of a worker.", labels=["worker"])
        for link in links:
            if link.counted is not None:
                memory.add_metric([link.worker], link.counted.gauges.get("resident_bytes", 0.0))
        yield memory
        yield GaugeMetricFamily(
            "keyturn_workers", "Workers connected to the control process.", value=len(links)
        )
        build = GaugeMetricFamily("keyturn_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def render(bus: BusServer) -> bytes:
    """Return the exposition; its content type is ``CONTENT_TYPE``."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Node(bus))
    return generate_latest(registry)


def _counters(totals: Totals) -> Iterator[Metric]:
    requests = CounterMetricFamily("keyturn_requests", "Requests answered.", labels=["operation", "status"])
    for (operation, status), count in sorted(totals.requests.items()):
        requests.add_metric([operation, str(status)], count)
    yield requests
    refusals = CounterMetricFamily("keyturn_refusals", "Requests refused, by reason.", labels=["reason"])
    for reason, count in sorted(totals.refusals.items()):
        refusals.add_metric([reason], count)
    yield refusals
    tokens = CounterMetricFamily("keyturn_tokens", "Tokens of requests that ended.", labels=["direction"])
    for direction, count in sorted(totals.tokens.items()):
        tokens.add_metric([direction], count)
    yield tokens
    bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
    buckets = list(zip(bounds, itertools.accumulate(float(one) for one in totals.durations), strict=True))
    yield HistogramMetricFamily(
        "keyturn_request_duration_seconds",
        "From the whole request read to the last byte of the answer.",
        buckets=buckets,
        sum_value=totals.duration_sum_s,
    )
