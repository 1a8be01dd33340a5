"""What keys used in whole days (UTC) and whole hours: enough to rank them by, and no more."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.periods import DAY_S, Span, cover_days

MOST_REMEMBERED = 100_000
"""Keys, some 30 MiB, once for all stretches and once for the days before; of more, they are summed up anew each time."""
MOST_STRETCHES = 6
"""Stretches whose sums are remembered: a week that ends now is one of days with one of hours at each end."""

FIGURES = ("requests", "input_tokens", "output_tokens", "cost_nano_usd", "errors")
Figures = tuple[int, ...]
"""As ``FIGURES`` names them."""

_SUMS = f"""
SELECT key_id, {", ".join(f"sum({name})" for name in FIGURES)} FROM key_sums WHERE {{ranges}} GROUP BY key_id
"""  # noqa: S608 -- constants
_DAYS = """
SELECT u.key_id, u.start, u.requests FROM json_each(:days) d CROSS JOIN json_each(:keys) k CROSS JOIN key_sums u
    ON u.period = 'day' AND u.start = d.value AND u.key_id = k.value
"""
_STAMP = f"""
SELECT start, {", ".join(FIGURES)}, unpriced FROM totals
WHERE period = :period AND start >= :since AND start < :until ORDER BY start
"""  # noqa: S608 -- constants


class KeySums:
    """Sums up days and hours by key, and remembers what the last questions came to, and all but the last day of the last.

    What is remembered is used as long as the sums over all keys are the same for each of its days and hours: requests that
    come in late, and prices that are corrected, change them.
    """

    def __init__(self) -> None:
        self._stamp: object = None
        self._earlier: dict[str, Figures] = {}
        self._whole: dict[Span, tuple[object, Mapping[str, Figures]]] = {}

    async def of(
        self,
        connection: AsyncConnection,
        span: Span,
        of_hours: Callable[[], Awaitable[Mapping[str, Figures]]],
    ) -> Mapping[str, Figures]:
        """Return what each key used in a stretch of whole days or hours; who used nothing is not in it.

        Args:
            connection: To the store.
            span: The stretch; all of it is over.
            of_hours: Sums it up where it is of hours.
        """
        stamp = await _totals(connection, span)
        known = self._whole.pop(span, None)
        if known is None or known[0] != stamp:
            known = stamp, await (self._of_days(connection, span) if span.period == "day" else of_hours())
        self._whole[span] = known  # as the one that was asked for last
        while len(self._whole) > MOST_STRETCHES or self._remembered() > MOST_REMEMBERED:
            del self._whole[next(iter(self._whole))]
        return known[1]

    def _remembered(self) -> int:
        return sum(len(figures) for _, figures in self._whole.values())

    async def _of_days(self, connection: AsyncConnection, days: Span) -> Mapping[str, Figures]:
        last = days.until_s - DAY_S
        stamp = days.since_s, last, await _totals(connection, Span("day", days.since_s, last))
        if stamp != self._stamp:
            earlier = await _sums(connection, days.since_s, last)
            self._earlier = earlier if len(earlier) <= MOST_REMEMBERED else {}
            self._stamp = stamp if earlier is self._earlier else None
        else:
            earlier = self._earlier
        return added(earlier, await _sums(connection, last, days.until_s))


def added(one: Mapping[str, Figures], other: Mapping[str, Figures]) -> Mapping[str, Figures]:
    """Add up two sums of the same figures."""
    if not one or not other:
        return one or other
    both = dict(one)
    for name, figures in other.items():
        known = both.get(name)
        both[name] = figures if known is None else tuple(map(int.__add__, known, figures))
    return both


async def days_of(
    connection: AsyncConnection, key_ids: Sequence[str], days: Sequence[int]
) -> dict[str, list[int]]:
    """Return how many requests each of some keys made on each of some days (their beginnings), in one query.

    It looks each row up by its whole key, so that it costs the same however many keys there are.
    """
    places = {day: place for place, day in enumerate(days)}
    found = {key_id: [0] * len(days) for key_id in key_ids}
    values = {"days": msgspec.json.encode(list(days)).decode(), "keys": msgspec.json.encode(key_ids).decode()}
    for key_id, start, requests in await connection.execute(text(_DAYS), values):
        found[key_id][places[start]] = requests
    return found


async def _totals(connection: AsyncConnection, span: Span) -> object:
    """Return the sums over all keys of each day or hour of a stretch: what they change, has changed."""
    values = {"period": span.period, "since": span.since_s, "until": span.until_s}
    return (await connection.execute(text(_STAMP), values)).all()


async def _sums(connection: AsyncConnection, since_s: int, until_s: int) -> dict[str, Figures]:
    spans = cover_days(since_s, until_s)
    if not spans:
        return {}
    ranges = " OR ".join(
        f"(period = '{span.period}' AND start >= {span.since_s} AND start < {span.until_s})" for span in spans
    )
    found = await connection.exec_driver_sql(_SUMS.format(ranges=ranges))
    return {row[0]: tuple(row[1:]) for row in found.all()}
