"""What was used in the steps of a report, remembered while nothing changes in them: most of a month is over.

For what ``OwnerSums`` and ``KeyRows`` do not remember: days of time zones that do not begin with an hour of UTC, and models, upstreams
and all else that is no owner. A month of days in Nepal is read from hours and minutes: by account that took 0.4 s.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.periods import HOUR_S, Span
from keyturn.store import usage_reports
from keyturn.store.recent_usage import Totals, state_of
from keyturn.store.usage_rows import Dimension, Step, UsageFilter, UsageRow, shortened

MOST_ROWS = 10_000
"""Rows that are remembered, each of 2 KiB at most."""
MOST_AT_ONCE = 5_000
"""Rows of a step that are remembered: whoever asks for more wants figures to keep, and not a page."""
MOST_STEPS = 1_000
"""Steps of a question that is for this."""

_Asked = tuple[Dimension | None, UsageFilter, tuple[str, ...] | None, int, int]
_Hours = dict[int, Totals]
"""What all keys used in each hour that a step touches: where this changes, something has."""


class StepRows:
    """Reads the rows of steps, and remembers them until something changes in an hour of theirs."""

    def __init__(self) -> None:
        self._known: dict[_Asked, tuple[_Hours, list[UsageRow]]] = {}
        self._size = 0

    async def rows(
        self,
        connection: AsyncConnection,
        steps: Sequence[Step],
        by: Dimension | None,
        wanted: UsageFilter,
        only: Sequence[str] | None,
    ) -> list[UsageRow]:
        """Return what ``usage_reports.report`` does.

        Args:
            connection: To the store.
            steps: Of which time.
            by: What to group by; ``None``: not at all.
            wanted: Only these requests.
            only: Only these groups; ``None``: all.
        """
        if not 1 < len(steps) <= MOST_STEPS or any(step.until_s - step.since_s < HOUR_S for step in steps):
            return await usage_reports.report(connection, steps, by, wanted, only)
        touched = [_hours_of(step) for step in steps]
        now = await state_of(connection, touched)
        groups = None if only is None else tuple(only)
        asked = [(by, wanted, groups, step.since_s, step.until_s) for step in steps]
        hours = [dict(now.spans[span]) for span in touched]
        found = {
            place: self._known[own][1]
            for place, own in enumerate(asked)
            if own in self._known and self._known[own][0] == hours[place]
        }
        missing = [place for place in range(len(steps)) if place not in found]
        if missing:
            read = await usage_reports.report(
                connection, [steps[place] for place in missing], by, wanted, only
            )
            # In a thread: many histograms take a while, and limits are decided in this process.
            found |= zip(missing, await asyncio.to_thread(_by_step, read, len(missing)), strict=True)
        for place, own in enumerate(asked):
            self._remember(own, hours[place], found[place])
        return [msgspec.structs.replace(row, step=place) for place in found for row in found[place]]

    def _remember(self, asked: _Asked, hours: _Hours, rows: list[UsageRow]) -> None:
        self._forget(asked)
        if len(rows) > MOST_AT_ONCE:
            return
        self._known[asked] = hours, rows  # as what was asked for last
        self._size += 1 + len(rows)
        while self._size > MOST_ROWS:
            self._forget(next(iter(self._known)))

    def _forget(self, asked: _Asked) -> None:
        if asked in self._known:
            self._size -= 1 + len(self._known.pop(asked)[1])


def _hours_of(step: Step) -> Span:
    return Span("hour", step.since_s // HOUR_S * HOUR_S, -(-step.until_s // HOUR_S) * HOUR_S)


def _by_step(rows: Iterable[UsageRow], steps: int) -> list[list[UsageRow]]:
    found: list[list[UsageRow]] = [[] for _ in range(steps)]
    for row in rows:
        found[row.step].append(shortened(row))
    return found
