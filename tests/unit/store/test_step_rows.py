"""What the steps of a report come to, remembered: the same as what is read anew, and read only where something has changed."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from fakes.used import ACCOUNTS, KEYS, group_of, own, requests, use
from keyturn import system
from keyturn.domain import latency, periods
from keyturn.domain.periods import DAY_S, HOUR_S
from keyturn.store import step_rows, usage_reports
from keyturn.store.engine import Store
from keyturn.store.step_rows import StepRows
from keyturn.store.usage_rows import Dimension, Step, UsageFilter, UsageRow, shortened

UNTIL_S = int(system.now()) // HOUR_S * HOUR_S + HOUR_S
SINCE_S = UNTIL_S - 5 * DAY_S


def days(late_s: int) -> list[Step]:
    """Return four days that begin so long after a whole hour."""
    return [
        Step(since_s, since_s + DAY_S, periods.cover(since_s, since_s + DAY_S))
        for since_s in range(SINCE_S + late_s, UNTIL_S - DAY_S, DAY_S)
    ]


ASKED = [
    (by, wanted, only)
    for by in (None, *Dimension)
    for wanted in (UsageFilter(), UsageFilter(account_id=ACCOUNTS[0]), UsageFilter(models=("gpt-*",)))
    for only in ((None, KEYS[:2]) if by is Dimension.KEY else (None,))
]


def plain(rows: Sequence[UsageRow]) -> list[UsageRow]:
    """Return rows as they can be compared: histograms say the same in several ways, and the order says nothing."""
    return sorted(map(shortened, rows), key=lambda row: (row.step, row.group))


@pytest.mark.parametrize("late_s", [0, HOUR_S // 4])
async def test_it_is_always_what_would_be_read(store: Store, late_s: int) -> None:
    """Whatever comes between two looks: requests of any hour, or another price."""
    await own(store)
    await use(store, requests(300, since_s=SINCE_S, until_s=UNTIL_S))
    chance = random.Random(7)  # noqa: S311 -- the same each time
    found, steps = StepRows(), days(late_s)
    for one in requests(12, since_s=SINCE_S, until_s=UNTIL_S):
        if chance.random() < 0.3:
            async with store.writing() as connection:
                await connection.execute(text("UPDATE rollups SET cost_nano_usd = cost_nano_usd + 3"))
                await connection.execute(text("UPDATE totals SET cost_nano_usd = cost_nano_usd + 3"))
        else:
            await use(store, [one])
        by, wanted, only = chance.choice(ASKED)
        for _ in range(2):
            async with store.reading() as connection:
                rows = await found.rows(connection, steps, by, wanted, only)
                expected = await usage_reports.report(connection, steps, by, wanted, only)
            assert plain(rows) == plain(expected)
            assert rows


@pytest.mark.parametrize("by", [Dimension.PROJECT, Dimension.ACCOUNT, Dimension.USER])
async def test_days_that_begin_within_an_hour_are_their_owners_requests(store: Store, by: Dimension) -> None:
    """Hours of owners are kept as sums and minutes are not: each request is counted once."""
    await own(store)
    used = requests(300, since_s=SINCE_S, until_s=UNTIL_S)
    await use(store, used)
    steps = days(HOUR_S // 4)
    async with store.reading() as connection:
        rows = await usage_reports.report(connection, steps, by, UsageFilter())

    expected: Counter[tuple[int, str]] = Counter()
    tokens: Counter[tuple[int, str]] = Counter()
    for one in used:
        step = (one.started_us // 1_000_000 - steps[0].since_s) // DAY_S
        if 0 <= step < len(steps):
            expected[step, group_of(one, by)] += 1
            tokens[step, group_of(one, by)] += one.output_tokens
    assert {(row.step, row.group): row.requests for row in rows} == expected
    assert {(row.step, row.group): row.output_tokens for row in rows} == tokens
    assert all(sum(latency.counts([row.durations]).values()) == row.requests for row in rows)


async def test_only_the_step_that_has_changed_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month of Nepal's days takes 0.4 s to read, and all but the last of them are over."""
    await own(store)
    await use(store, requests(300, since_s=SINCE_S, until_s=UNTIL_S))
    steps, asked = days(HOUR_S // 2), noted(monkeypatch)
    found = StepRows()
    await look(store, found, steps)
    assert asked == steps
    asked.clear()

    await look(store, found, steps)
    assert asked == []
    await use(store, requests(1, since_s=steps[2].since_s + DAY_S // 2, until_s=steps[2].until_s))
    await look(store, found, steps)

    assert asked == [steps[2]]


async def test_what_is_remembered_stays_little(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is asked once stays until others have come."""
    await own(store)
    await use(store, requests(300, since_s=SINCE_S, until_s=UNTIL_S))
    monkeypatch.setattr(step_rows, "MOST_ROWS", 30)
    found = StepRows()
    for late_s in range(0, HOUR_S, 60):
        await look(store, found, days(late_s))

    assert 0 < sum(1 + len(rows) for _, rows in found._known.values()) == found._size <= 30


async def test_minutes_and_whole_stretches_are_not_remembered(store: Store) -> None:
    """They are another stretch each time that somebody looks."""
    await own(store)
    await use(store, requests(300, since_s=SINCE_S, until_s=UNTIL_S))
    minutes = [Step(at, at + 60, periods.cover(at, at + 60)) for at in range(UNTIL_S - HOUR_S, UNTIL_S, 60)]
    found = StepRows()
    for steps in (minutes, [Step(SINCE_S, UNTIL_S, periods.cover(SINCE_S, UNTIL_S))]):
        await look(store, found, steps)

    assert found._known == {}


async def look(store: Store, found: StepRows, steps: Sequence[Step]) -> None:
    """Ask for the models of some steps."""
    async with store.reading() as connection:
        await found.rows(connection, steps, Dimension.MODEL, UsageFilter(), None)


def noted(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Return what is read from now on, as it is read."""
    asked: list[Step] = []
    report = usage_reports.report

    async def read(connection: AsyncConnection, steps: Sequence[Step], *rest: object) -> list[UsageRow]:
        asked.extend(steps)
        return await report(connection, steps, *rest)  # type: ignore[arg-type]  # as it was asked

    monkeypatch.setattr("keyturn.store.usage_reports.report", read)
    return asked
