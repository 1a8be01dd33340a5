"""What projects, accounts and users used, remembered: the same as what is read anew."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.used import KEYS, own, requests, use
from keyturn import system
from keyturn.domain import latency, periods
from keyturn.domain.periods import DAY_S, HOUR_S, Interval
from keyturn.store import owner_sums, usage_reports
from keyturn.store.engine import Store
from keyturn.store.owner_sums import OwnerSums
from keyturn.store.usage_rows import Dimension, Step, UsageFilter, UsageRow

UNTIL_S = int(system.now()) // HOUR_S * HOUR_S + HOUR_S
SINCE_S = UNTIL_S - 4 * DAY_S
USED = requests(400, since_s=SINCE_S - DAY_S, until_s=UNTIL_S)
WHOLE = [Step(SINCE_S, UNTIL_S, periods.cover(SINCE_S, UNTIL_S))]
DAILY = [
    Step(since_s, until_s, periods.cover(since_s, until_s))
    for since_s, until_s in periods.steps(SINCE_S, UNTIL_S, Interval.DAY, ZoneInfo("UTC"))
]


def plain(rows: Sequence[UsageRow]) -> set[tuple[object, ...]]:
    """Return rows as they can be compared: histograms say the same in several ways."""
    return {
        (
            *msgspec.structs.astuple(row)[:-2],
            latency.combine(row.durations),
            latency.combine(row.first_bytes),
        )
        for row in rows
    }


async def read_anew(connection: AsyncConnection, steps: Sequence[Step], by: Dimension) -> set[object]:
    """Return what the rollups say."""
    return set(plain(await usage_reports.report(connection, steps, by, UsageFilter())))


def noted(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Return what is read from now on, as it is read."""
    asked: list[Step] = []
    report = usage_reports.report

    async def read(
        connection: AsyncConnection, steps: Sequence[Step], by: Dimension, wanted: UsageFilter
    ) -> list[UsageRow]:
        asked.extend(steps)
        return await report(connection, steps, by, wanted)

    monkeypatch.setattr("keyturn.store.usage_reports.report", read)
    return asked


@pytest.mark.parametrize("by", sorted(owner_sums.DIMENSIONS))
@pytest.mark.parametrize("steps", [WHOLE, DAILY])
async def test_what_is_remembered_is_what_would_be_read(
    store: Store, by: Dimension, steps: list[Step]
) -> None:
    """At first, when asked again, and after a request that comes in two days late."""
    await own(store)
    await use(store, USED)
    sums = OwnerSums(store.recent)
    late = msgspec.structs.replace(USED[0], key_id=KEYS[1], started_us=(UNTIL_S - 2 * DAY_S) * 1_000_000)

    for more in ([], [], [late]):
        if more:
            await use(store, more)
        async with store.reading() as connection:
            found = await sums.rows(connection, steps, by)
            expected = await read_anew(connection, steps, by)

        assert found is not None
        assert plain(found) == expected
        assert expected


async def test_days_that_have_not_changed_are_not_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most of a month does not change any more, and reading it takes half a second."""
    await own(store)
    await use(store, USED)
    sums = OwnerSums(store.recent)
    asked = noted(monkeypatch)
    async with store.reading() as connection:
        await sums.rows(connection, WHOLE, Dimension.ACCOUNT)
        at_first = len(asked)
        await sums.rows(connection, WHOLE, Dimension.ACCOUNT)
        again = len(asked)
    late = msgspec.structs.replace(USED[0], started_us=(UNTIL_S - 2 * DAY_S) * 1_000_000)
    await use(store, [late])
    async with store.reading() as connection:
        await sums.rows(connection, WHOLE, Dimension.ACCOUNT)

    assert at_first == again > 4
    assert len(asked) == at_first + 1


async def test_too_much_to_remember_is_left_to_the_rollups(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many owners with a key each, some are looked for one by one; and minutes are not for this at all.

    Nothing is read to find that out: a month of 10,000 owners would be read at each look, and thrown away.
    """
    await own(store)
    await use(store, USED)
    asked = noted(monkeypatch)
    minutes = [Step(SINCE_S, SINCE_S + 120, periods.cover(SINCE_S, SINCE_S + 120))]

    async with store.reading() as connection:
        of_minutes = await OwnerSums(store.recent).rows(connection, minutes, Dimension.ACCOUNT)
        monkeypatch.setattr("keyturn.store.owner_sums.MOST_ROWS", 2)
        of_many = await OwnerSums(store.recent).rows(connection, WHOLE, Dimension.ACCOUNT)

    assert of_minutes is of_many is None
    assert asked == []
