"""The arithmetic of windows: rates slide, quotas follow the calendar.

A rate is counted in cells, sixty to a window, and the sum of the last sixty-one is held under the limit. Whatever was
used within any stretch as long as the window lies in at most sixty-one cells, so no such stretch ever holds more than
the limit. A fixed window lets twice the limit through at its edge, a token bucket nearly as much after a pause.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from keyturn.domain.limits import Window

CELLS = 60
"""Of which a window consists."""
FOREVER = float("inf")


class SlidingWindow:
    """What was used within the last window, by cell. Times are seconds; cells are numbered from time zero on.

    Cells ahead of the present may be counted in too: what may still be used in one of them is counted there until it
    is known when it was. That is never too little: the sum takes in whatever lies ahead.
    """

    __slots__ = ("_ahead", "_cells", "_front", "_kept", "_oldest", "cell_s", "total")

    def __init__(self, window_s: float, *, ahead: int = 0) -> None:
        self.cell_s = window_s / CELLS
        self._ahead = ahead
        self._kept = CELLS + 1 + ahead
        self._cells = [0] * self._kept
        self._front = ahead
        self._oldest = 0
        """No cell before this one counts anything."""
        self.total = 0
        """What counts now."""

    def advance(self, now: float) -> int:
        """Let time pass up to ``now`` and return the number of its cell; a clock that goes back is waited for."""
        front = max(int(now / self.cell_s) + self._ahead, self._front)
        steps = front - self._front
        if steps:
            kept = self._kept
            if steps >= kept:
                self._cells = [0] * kept
                self.total = 0
            else:
                cells = self._cells
                for passed in range(self._front + 1, front + 1):
                    self.total -= cells[passed % kept]
                    cells[passed % kept] = 0
            self._front = front
        return front - self._ahead

    def ends(self, cell: int) -> float:
        """Return when a cell ends: what is used later is counted in the next."""
        return (cell + 1) * self.cell_s

    def add(self, cell: int, amount: int) -> None:
        """Count in a cell; one that has left the window, or is still too far ahead, counts nothing."""
        if self._front - self._kept < cell <= self._front:
            self._cells[cell % self._kept] += amount
            self.total += amount
            self._oldest = min(self._oldest, cell)

    def give_back(self, cell: int, amount: int) -> int:
        """Take out of a cell what was counted there and not used, never more than there is; return how much that was."""
        if not self._front - self._kept < cell <= self._front:
            return 0
        there = min(amount, self._cells[cell % self._kept])
        self._cells[cell % self._kept] -= there
        self.total -= there
        return there

    def wait(self, amount: int, limit: int, now: float) -> float:
        """Return in how many seconds ``amount`` more will fit under ``limit`` if nothing else is used: 0 for at once.

        ``FOREVER`` when it never will.
        """
        over = self.total + amount - limit
        if over <= 0:
            return 0.0
        cells, kept = self._cells, self._kept
        first = max(self._oldest, self._front - kept + 1)
        while first < self._front and not cells[first % kept]:
            first += 1
        self._oldest = first
        for cell in range(first, self._front + 1):
            over -= cells[cell % kept]
            if over <= 0:
                return max(0.0, (cell + CELLS + 1) * self.cell_s - now)
        return FOREVER

    def frees(self, now: float) -> float:
        """Return in how many seconds the oldest use stops counting; 0 when nothing counts."""
        return self.wait(1, self.total, now) if self.total else 0.0


def period(window: Window, zone: str, now: float) -> tuple[float, float]:
    """Return when the day or month around ``now`` begins and ends in a time zone, in seconds since 1970 UTC.

    A lifetime begins with time itself and does not end; so does credit.
    """
    if window not in {Window.DAY, Window.MONTH}:
        return 0.0, FOREVER
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window is Window.DAY:
        following = first + timedelta(days=1)
    else:
        first = first.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
    ends = following.astimezone(UTC).timestamp()
    if ends <= now:  # its first midnight was followed by this day's last hour once more
        ends = following.replace(fold=1).astimezone(UTC).timestamp()
    return first.astimezone(UTC).timestamp(), ends
