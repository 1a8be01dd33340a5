"""One coarse timer for everything that waits: 10,000 slow streams cost one wake-up per tick, not a timer each."""

import asyncio
from collections.abc import Callable

TICK_S = 0.005


class Pacer:
    """A timer wheel. It turns only while something waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Callable[[], None]]] = {}
        self._turned = 0

    def after(self, delay_ms: int, step: Callable[[], None]) -> None:
        """Call ``step`` once, ``delay_ms`` from now or up to a tick later; it can't be called off."""
        now = int(self._loop.time() / TICK_S)
        if not self._slots:
            self._turned = now
            self._loop.call_later(TICK_S, self._turn)
        due = max(now + 1, int((self._loop.time() + delay_ms / 1_000) / TICK_S) + 1)
        self._slots.setdefault(due, []).append(step)

    @property
    def waiting(self) -> int:
        """How many steps are still to come."""
        return sum(map(len, self._slots.values()))

    def _turn(self) -> None:
        now = int(self._loop.time() / TICK_S)
        due = [step for tick in range(self._turned + 1, now + 1) for step in self._slots.pop(tick, ())]
        self._turned = now
        if self._slots:
            self._loop.call_later(TICK_S, self._turn)
        for step in due:
            step()
