"""The workers' counters, added up. What a worker has counted stays counted when it is gone."""

from collections import defaultdict

from keyturn import bus
from keyturn.telemetry.metrics import BUCKETS_S


class Totals:
    """Sums over workers, each over its whole life."""

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.refusals: defaultdict[str, int] = defaultdict(int)
        self.tokens: defaultdict[str, int] = defaultdict(int)
        self.durations = [0] * (len(BUCKETS_S) + 1)
        self.duration_sum_s = 0.0

    def add(self, counted: bus.Counted) -> None:
        """Add one worker's counters."""
        for operation, status, count in counted.requests:
            self.requests[operation, status] += count
        for reason, count in counted.refusals:
            self.refusals[reason] += count
        for direction, count in counted.tokens:
            self.tokens[direction] += count
        for index, count in enumerate(counted.durations[: len(self.durations)]):
            self.durations[index] += count
        self.duration_sum_s += counted.duration_sum_s


class Counts:
    """The last counters of every worker that has reported since this process started, dead ones included."""

    def __init__(self) -> None:
        self._last: dict[str, bus.Counted] = {}

    def take(self, worker: str, counted: bus.Counted) -> None:
        """Take a report; it replaces the worker's last one."""
        self._last[worker] = counted

    def totals(self) -> Totals:
        """Add up everything ever counted."""
        totals = Totals()
        for counted in self._last.values():
            totals.add(counted)
        return totals

    def of(self, worker: str) -> bus.Counted | None:
        """Return a worker's last report."""
        return self._last.get(worker)
