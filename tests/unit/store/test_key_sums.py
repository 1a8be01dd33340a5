"""What keys used by the day."""

from collections.abc import Mapping

from sqlalchemy import insert

from keyturn.domain.periods import DAY_S, HOUR_S, Span
from keyturn.store.engine import Store
from keyturn.store.key_sums import Figures, KeySums, days_of
from keyturn.store.usage_tables import key_sums, totals

MONDAY = 1_800_000_000 // DAY_S * DAY_S


async def test_the_days_of_some_keys_are_read_at_once_and_in_order(store: Store) -> None:
    """A list of keys shows the course of each; nothing of other keys, days, or longer stretches gets in."""
    rows = [
        ("day", MONDAY, "key_a", 1),
        ("day", MONDAY + 2 * DAY_S, "key_a", 3),
        ("day", MONDAY + 3 * DAY_S, "key_a", 99),
        ("day", MONDAY + DAY_S, "key_b", 2),
        ("day", MONDAY, "key_c", 99),
        ("six_days", MONDAY, "key_b", 99),
    ]
    rest = dict.fromkeys(("input_tokens", "output_tokens", "cost_nano_usd", "errors"), 0)
    async with store.writing() as connection:
        for period, start, key_id, requests in rows:
            values = {"period": period, "start": start, "key_id": key_id, "requests": requests, **rest}
            await connection.execute(insert(key_sums).values(values))
    days = [MONDAY, MONDAY + DAY_S, MONDAY + 2 * DAY_S]

    async with store.reading() as connection:
        found = await days_of(connection, ["key_a", "key_b", "key_d"], days)
        nothing = await days_of(connection, [], days)

    assert found == {"key_a": [1, 0, 3], "key_b": [0, 2, 0], "key_d": [0, 0, 0]}
    assert nothing == {}


async def test_only_the_hour_that_has_changed_is_summed_up_anew(store: Store) -> None:
    """A node that is in use changes the last one all the time, and a page that is looked at must not read all of them."""
    asked: list[Span] = []
    now = {"requests": 1}

    async def of_hours(span: Span) -> Mapping[str, Figures]:
        asked.append(span)
        return {"key_a": ((span.until_s - span.since_s) // HOUR_S * now["requests"], 0, 0, 0, 0)}

    async def add(start: int, requests: int) -> None:
        nothing: dict[str, object] = {column.name: 0 for column in totals.columns}
        row = {**nothing, "durations": b"", "first_bytes": b"", "period": "hour", "start": start}
        async with store.writing() as connection:
            await connection.execute(insert(totals).values({**row, "requests": requests}))

    day = Span("hour", MONDAY, MONDAY + 24 * HOUR_S)
    sums = KeySums(store.recent)
    last = Span("hour", MONDAY + 23 * HOUR_S, MONDAY + 24 * HOUR_S)
    async with store.reading() as connection:
        first = await sums.of(connection, [day], of_hours)
        again = await sums.of(connection, [day], of_hours)
    await add(last.since_s, 5)
    now["requests"] = 10
    async with store.reading() as connection:
        changed = await sums.of(connection, [day], of_hours)

    assert asked == [Span("hour", MONDAY, last.since_s), last, last]
    assert [found["key_a"][0] for found in (first, again, changed)] == [24, 24, 33]
