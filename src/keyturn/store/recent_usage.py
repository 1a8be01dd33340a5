"""What was added to the sums of usage lately: what is remembered of them is brought up to date with it, and not read anew.

Two states of the store are told apart by how many requests have ever been counted, which each batch of ingest makes more. What
lies between two of them is known only where both are the ends of batches that are remembered.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import add

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.periods import HOUR_S, Span
from keyturn.store.series import RollupRow

MOST_ROWS = 5_000
"""Of the last batches together: to add up more takes as long as to read what they have changed."""

Totals = tuple[int, int, int, int, int, int]
"""Requests, input tokens, output tokens, nano-US-dollars, errors, and requests without a price."""
NOTHING: Totals = (0, 0, 0, 0, 0, 0)

_STATE = """
SELECT -1, 0, coalesce(sum(requests), 0), 0, 0, 0, 0, 0 FROM totals WHERE period = 'day'
UNION ALL
SELECT span.key, t.start, t.requests, t.input_tokens, t.output_tokens, t.cost_nano_usd, t.errors, t.unpriced
FROM json_each(:spans) span CROSS JOIN totals t
    ON t.period = json_extract(span.value, '$[0]')
    AND t.start >= json_extract(span.value, '$[1]') AND t.start < json_extract(span.value, '$[2]')
"""


class State(msgspec.Struct, frozen=True):
    """What the store says at one moment, over all keys."""

    requests: int
    """All that were ever counted."""
    spans: Mapping[Span, Mapping[int, Totals]]
    """What each day or hour (its beginning) of a stretch comes to: where this changes, something has. Empty ones are left out."""


async def state_of(connection: AsyncConnection, spans: Sequence[Span]) -> State:
    """Return what some stretches come to at the moment that the connection sees."""
    found: dict[Span, dict[int, Totals]] = {span: {} for span in spans}
    values = {"spans": msgspec.json.encode(spans).decode()}
    counted, *rows = await connection.execute(text(_STATE), values)
    for row in rows:
        found[spans[row[0]]][row[1]] = tuple(row[2:])
    return State(counted[2], found)


class RecentUsage:
    """The last batches that ingest has stored. ``begin`` first; who has not is told of nothing."""

    def __init__(self) -> None:
        self._counted: int | None = None
        self._batches: deque[tuple[int, int, Sequence[RollupRow]]] = deque()
        self._rows = 0
        self._grouped: tuple[int, int, Mapping[int, Sequence[RollupRow]] | None] = (0, 0, {})

    @property
    def begun(self) -> bool:
        """Whether what is stored from now on can be told."""
        return self._counted is not None

    def begin(self, requests: int) -> None:
        """Begin in a state of the store in which so many requests have been counted."""
        self.forget()
        self._counted = requests

    def forget(self) -> None:
        """Remember nothing: it is not known what has been stored."""
        self._counted = None
        self._batches.clear()
        self._rows = 0
        self._grouped = (0, 0, {})

    def add(self, rows: Sequence[RollupRow]) -> None:
        """Take what has been stored now."""
        if self._counted is None or not rows:
            return
        before, self._counted = self._counted, self._counted + sum(row[2] for row in rows)
        self._batches.append((before, self._counted, rows))
        self._rows += len(rows)
        while self._rows > MOST_ROWS:
            self._rows -= len(self._batches.popleft()[2])

    def between(self, old: State, now: State, spans: Sequence[Span]) -> list[RollupRow] | None:
        """Return what was added to some stretches of whole hours between two states.

        Returns:
            ``None`` where that is not known any more, or is not all that has changed: prices are corrected, too.
        """
        hours = self._hours_between(old.requests, now.requests)
        if hours is None:
            return None
        rows = [row for span in spans for each in _within(span, hours) for row in each]
        added = _sum((row[2], row[3], row[4], row[7], row[8], row[11]) for row in rows)
        return rows if tuple(map(add, _of(old, spans), added)) == _of(now, spans) else None

    def _hours_between(self, old: int, now: int) -> Mapping[int, Sequence[RollupRow]] | None:
        """Return what was added by the hour: once for all stretches that somebody asks for."""
        if self._grouped[:2] != (old, now):
            batches = self._batches_between(old, now)
            found: dict[int, list[RollupRow]] | None = None if batches is None else {}
            for row in chain.from_iterable(batches or ()):
                found.setdefault(row[0] // HOUR_S * HOUR_S, []).append(row)  # type: ignore[union-attr]  # there are batches
            self._grouped = old, now, found
        return self._grouped[2]

    def _batches_between(self, old: int, now: int) -> list[Sequence[RollupRow]] | None:
        if old == now:
            return []
        found: list[Sequence[RollupRow]] = []
        for before, after, rows in reversed(self._batches):
            if after > now:
                continue
            if not found and after != now:
                return None
            found.append(rows)
            if before <= old:
                return found[::-1] if before == old else None
        return None


def _within(span: Span, hours: Mapping[int, Sequence[RollupRow]]) -> Iterable[Sequence[RollupRow]]:
    if span.until_s - span.since_s == HOUR_S:
        return (hours.get(span.since_s, ()),)
    return (rows for hour, rows in hours.items() if span.since_s <= hour < span.until_s)


def _of(state: State, spans: Sequence[Span]) -> Totals:
    return _sum(totals for span in spans for totals in state.spans[span].values())


def _sum(each: Iterable[Totals]) -> Totals:
    a, b, c, d, e, f = (sum(column) for column in zip(NOTHING, *each, strict=True))
    return a, b, c, d, e, f
