"""What keys used in whole days (UTC) and whole hours: enough to rank them by, and no more."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.periods import DAY_S, HOUR_S, Span, cover_days
from keyturn.store.recent_usage import RecentUsage, State, state_of
from keyturn.store.series import RollupRow

MOST_REMEMBERED = 200_000
"""Keys of all that is remembered, some 60 MiB; of more, they are summed up anew each time."""
MOST_KNOWN = 24
"""Sums that are remembered: a week that ends now is one of days with one of hours at each end, each in two parts, and all of it."""

FIGURES = ("requests", "input_tokens", "output_tokens", "cost_nano_usd", "errors")
Figures = tuple[int, int, int, int, int]
"""As ``FIGURES`` names them."""

# As one text: 10,000 rows of their own would take three times as long.
_ONE_DAY = f"""
SELECT json_group_object(key_id, json_array({", ".join(FIGURES)})) FROM key_sums
WHERE period = 'day' AND start = {{start}}
"""  # noqa: S608 -- constants
_SUMS = f"""
SELECT json_group_object(key_id, json_array({", ".join(FIGURES)})) FROM (
    SELECT key_id, {", ".join(f"sum({name}) AS {name}" for name in FIGURES)} FROM key_sums
    WHERE {{ranges}} GROUP BY key_id
)
"""  # noqa: S608 -- constants
_read = msgspec.json.Decoder(dict[str, Figures]).decode
_DAYS = """
SELECT u.key_id, u.start, u.requests FROM json_each(:days) d CROSS JOIN json_each(:keys) k CROSS JOIN key_sums u
    ON u.period = 'day' AND u.start = d.value AND u.key_id = k.value
"""


class KeySums:
    """Sums up days and hours by key, and remembers what the last questions came to.

    What is remembered is used as long as the sums over all keys are the same, and brought up to date with what ingest has added
    meanwhile. Where something else has changed too, such as a price, it is read anew: the last day or hour of a stretch, to which
    most of what happens belongs, apart from those before.
    """

    def __init__(self, recent: RecentUsage) -> None:
        """Take in what tells of changes: that of the store."""
        self._recent = recent
        self._known: dict[tuple[Span, ...], tuple[State, Mapping[str, Figures]]] = {}

    async def of(
        self,
        connection: AsyncConnection,
        spans: Iterable[Span],
        of_hours: Callable[[Span], Awaitable[Mapping[str, Figures]]],
    ) -> Mapping[str, Figures]:
        """Return what each key used in some stretches of whole days or hours; who used nothing is not in it.

        Args:
            connection: To the store.
            spans: The stretches.
            of_hours: Sums up one that is of hours.
        """
        parts = tuple(part for span in spans for part in _parts(span))
        now = await state_of(connection, parts)
        known = self._still(parts, now)
        if known is not None:
            return known
        each = []
        for part in parts:
            sums = self._still((part,), now)
            if sums is None:
                sums = await (_of_days(connection, part) if part.period == "day" else of_hours(part))
                self._remember((part,), now, sums)
            each.append(sums)
        return self._remember(parts, now, _sum(each))

    def _still(self, parts: tuple[Span, ...], now: State) -> Mapping[str, Figures] | None:
        """Return what is remembered of some stretches, as it is now; ``None``: it has to be read."""
        if parts not in self._known:
            return None
        then, sums = self._known[parts]
        if any(then.spans[part] != now.spans[part] for part in parts):
            rows = self._recent.between(then, now, parts)
            if rows is None:
                return None
            sums = added(sums, _by_key(rows))
        return self._remember(parts, now, sums)

    def _remember(
        self, parts: tuple[Span, ...], now: State, sums: Mapping[str, Figures]
    ) -> Mapping[str, Figures]:
        self._known.pop(parts, None)
        self._known[parts] = now, sums  # as what was asked for last
        while len(self._known) > MOST_KNOWN or self._remembered() > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        return sums

    def _remembered(self) -> int:
        return sum(len(figures) for _, figures in self._known.values())


def _by_key(rows: Iterable[RollupRow]) -> Mapping[str, Figures]:
    found: dict[str, Figures] = {}
    for _, (key_id, *_), requests, read, made, _, _, cost, errors, *_ in rows:
        a, b, c, d, e = found.get(key_id, (0, 0, 0, 0, 0))
        found[key_id] = a + requests, b + read, c + made, d + cost, e + errors
    return found


def _sum(parts: Iterable[Mapping[str, Figures]]) -> Mapping[str, Figures]:
    found: Mapping[str, Figures] = {}
    for part in sorted(parts, key=len, reverse=True):
        found = added(found, part)
    return found


def _parts(span: Span) -> Iterator[Span]:
    """Yield a stretch but for its last day or hour, and that one."""
    last_s = span.until_s - (DAY_S if span.period == "day" else HOUR_S)
    if span.since_s < last_s:
        yield Span(span.period, span.since_s, last_s)
    yield Span(span.period, last_s, span.until_s)


def added(one: Mapping[str, Figures], other: Mapping[str, Figures]) -> Mapping[str, Figures]:
    """Add up two sums of the same figures, in a time that goes with the length of the other."""
    if not one or not other:
        return one or other
    both = dict(one)
    for name, figures in other.items():
        known = both.get(name)
        if known is None:
            both[name] = figures
        else:
            a, b, c, d, e = known
            v, w, x, y, z = figures
            both[name] = a + v, b + w, c + x, d + y, e + z
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


async def _of_days(connection: AsyncConnection, days: Span) -> dict[str, Figures]:
    if days.until_s - days.since_s == DAY_S:
        query = _ONE_DAY.format(start=days.since_s)
    else:
        ranges = " OR ".join(
            f"(period = '{span.period}' AND start >= {span.since_s} AND start < {span.until_s})"
            for span in cover_days(days.since_s, days.until_s)
        )
        query = _SUMS.format(ranges=ranges)
    found = await connection.exec_driver_sql(query)
    return _read(found.scalar_one())
