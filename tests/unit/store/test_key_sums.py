"""What keys used by the day."""

from sqlalchemy import insert

from keyturn.domain.periods import DAY_S
from keyturn.store.engine import Store
from keyturn.store.key_sums import days_of
from keyturn.store.usage_tables import key_sums

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
