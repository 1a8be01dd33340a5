"""Refused requests, counted by who sent them, so that guessing and endless retries are slowed down.

What counts is a credential that was refused. Whoever has more of those in a minute than the setting allows is told to
wait, in place of the reason; a good key from the same address is served all along, because many clients may share one.
While an address is over the limit, only a few of its unknown secrets a second are looked up at all.
"""

WINDOW_S = 60.0
TRACKED = 20_000
"""Addresses and keys counted at once; the oldest gives way."""
LOOKUPS_PER_S = 100


class Failures:
    """The counts of one worker."""

    def __init__(self, limit: int) -> None:
        """Take in how many refusals a minute are answered with their reason."""
        self._limit = limit
        self._counts: dict[str, tuple[float, int]] = {}
        self._second = 0
        self._lookups = 0

    def count(self, who: str, now: float) -> None:
        """Note a refusal.

        Args:
            who: The client's address or a key's identifier.
            now: Seconds on any clock that goes forward.
        """
        began, count = self._counts.pop(who, (now, 0))
        if now - began >= WINDOW_S:
            began, count = now, 0
        if len(self._counts) >= TRACKED:
            del self._counts[next(iter(self._counts))]
        self._counts[who] = began, count + 1

    def wait_s(self, who: str, now: float) -> int:
        """Return how many whole seconds are left until refusals are answered with their reason again; 0: now."""
        began, count = self._counts.get(who, (now, 0))
        left = began + WINDOW_S - now
        return int(left) + 1 if count >= self._limit and left > 0 else 0

    def may_look(self, address: str, now: float) -> bool:
        """Say whether a secret that this worker does not know may be looked up for an address."""
        if not self._counts or not self.wait_s(address, now):
            return True
        if int(now) != self._second:
            self._second, self._lookups = int(now), 0
        self._lookups += 1
        return self._lookups <= LOOKUPS_PER_S
