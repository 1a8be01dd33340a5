"""What a worker counts: plain integers, sent to the control process as they stand."""

from bisect import bisect_left

from keyturn import bus
from keyturn.telemetry.metrics import BUCKETS_S


class Counters:
    """Since the worker started."""

    __slots__ = ("duration_sum_s", "durations", "input_tokens", "output_tokens", "refusals", "requests")

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.refusals: dict[str, int] = {}
        self.input_tokens = self.output_tokens = 0
        self.durations = [0] * (len(BUCKETS_S) + 1)
        self.duration_sum_s = 0.0

    def count(self, operation: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        slot = operation, status
        requests = self.requests
        requests[slot] = requests.get(slot, 0) + 1
        self.durations[bisect_left(BUCKETS_S, seconds)] += 1
        self.duration_sum_s += seconds

    def refuse(self, reason: str) -> None:
        """Count a refusal."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def message(self, gauges: dict[str, float]) -> bus.Counted:
        """Return them as they stand."""
        return bus.Counted(
            requests=[(operation, status, count) for (operation, status), count in self.requests.items()],
            refusals=list(self.refusals.items()),
            tokens=[("input", self.input_tokens), ("output", self.output_tokens)],
            durations=list(self.durations),
            duration_sum_s=self.duration_sum_s,
            gauges=gauges,
        )
