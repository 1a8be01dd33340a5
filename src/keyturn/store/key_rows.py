"""What single keys used in the steps of a report, remembered: a page that is looked at asks for the same ones again."""

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.periods import HOUR_S, Span, cover
from keyturn.store import usage_reports
from keyturn.store.recent_usage import RecentUsage, State, state_of
from keyturn.store.usage_rows import Dimension, Step, UsageFilter, UsageRow, shortened

MOST_ROWS = 20_000
"""Rows that are remembered, each of 2 KiB at most."""
MOST_KNOWN = 16
"""Stretches of time of which rows are remembered."""
MOST_AT_ONCE = 5_000
"""Rows of a question that is for this: whoever asks for more wants figures to keep, and not a page."""

_Steps = tuple[tuple[int, int], ...]
_Rows = dict[str, list[UsageRow]]
"""By key."""


class KeyRows:
    """Reads the rows of keys, and remembers them until their key is used again."""

    def __init__(self, recent: RecentUsage) -> None:
        """Take in what tells of changes: that of the store."""
        self._recent = recent
        self._known: dict[_Steps, tuple[State, _Rows]] = {}

    def takes(self, steps: Sequence[Step], key_ids: Sequence[str]) -> bool:
        """Say whether a question is for this: steps of minutes are another stretch each time."""
        few = len(steps) * len(key_ids) <= MOST_AT_ONCE
        return few and all(step.until_s - step.since_s >= HOUR_S for step in steps)

    async def rows(
        self, connection: AsyncConnection, steps: Sequence[Step], key_ids: Sequence[str]
    ) -> list[UsageRow]:
        """Return what ``usage_reports.report`` does of all requests, by key, for some keys.

        Args:
            connection: To the store.
            steps: Of which time; one follows the other.
            key_ids: The keys.
        """
        # Whole hours: what is compared is kept by the hour, and in some time zones a day begins within one.
        spans = cover(steps[0].since_s // HOUR_S * HOUR_S, -(-steps[-1].until_s // HOUR_S) * HOUR_S)
        now = await state_of(connection, spans)
        when = tuple((step.since_s, step.until_s) for step in steps)
        known = self._still(when, now, spans)
        missing = [key_id for key_id in key_ids if key_id not in known]
        if missing:
            read = await usage_reports.report(connection, steps, Dimension.KEY, UsageFilter(), missing)
            # In a thread: the histograms of a thousand keys take a while, and limits are decided in this process.
            known |= await asyncio.to_thread(_by_key, missing, read)
        self._remember(when, now, known)
        return [row for key_id in key_ids for row in known[key_id]]

    def _still(self, steps: _Steps, now: State, spans: Sequence[Span]) -> _Rows:
        """Return what is remembered and right."""
        if steps not in self._known:
            return {}
        then, rows = self._known[steps]
        if then.spans == now.spans:
            return dict(rows)
        added = self._recent.between(then, now, spans)
        if added is None:
            return {}
        used = {row[1][0] for row in added}
        return {key_id: own for key_id, own in rows.items() if key_id not in used}

    def _remember(self, steps: _Steps, now: State, rows: _Rows) -> None:
        self._known.pop(steps, None)
        self._known[steps] = now, rows  # as what was asked for last
        while len(self._known) > MOST_KNOWN or self._remembered() > MOST_ROWS:
            del self._known[next(iter(self._known))]

    def _remembered(self) -> int:
        return sum(len(own) for _, kept in self._known.values() for own in kept.values())


def _by_key(key_ids: Iterable[str], rows: Iterable[UsageRow]) -> _Rows:
    found: _Rows = {key_id: [] for key_id in key_ids}
    for row in rows:
        found[row.group].append(shortened(row))
    return found
