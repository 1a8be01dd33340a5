"""A ledger that was touched is found out, and where."""

import pytest
from sqlalchemy import text

from fakes.billing import differences, use
from keyturn.store.engine import Store
from keyturn.store.ledger_proof import Check
from unit.store.test_ledger import ACCOUNT, OTHER, furnished, give

__all__ = ["furnished"]

TAMPERING = {
    "UPDATE ledger SET amount = amount - 1 WHERE account_id = 'acct_1' AND seq = 2": {
        Check.BALANCE,
        Check.MONTHS,
        Check.ROLLUPS,
        Check.KEY_USAGE,
    },
    "UPDATE ledger SET balance = 99 WHERE account_id = 'acct_1' AND seq = 3": {
        Check.BALANCE,
        Check.REMAINING,
    },
    "DELETE FROM ledger WHERE account_id = 'acct_1' AND seq = 1": {
        Check.SEQUENCE,
        Check.BALANCE,
        Check.GRANT,
    },
    "UPDATE ledger SET month = '2020-01' WHERE account_id = 'acct_1' AND seq = 2": {Check.MONTHS},
    "UPDATE grants SET remaining = remaining + 1": {Check.REMAINING},
    "UPDATE grants SET remaining = 1000": {Check.REMAINING, Check.GRANT},
    "UPDATE grants SET amount = amount + 1": {Check.GRANT},
    "DELETE FROM grants": {Check.GRANT, Check.REMAINING},
    "UPDATE monthly_usage SET cost_nano_usd = cost_nano_usd + 1 WHERE key_id = 'key_1'": {Check.MONTHS},
    "UPDATE rollups SET cost_nano_usd = cost_nano_usd + 1 WHERE period = 'day' AND series_id IN "
    "(SELECT id FROM series WHERE key_id = 'key_1')": {Check.ROLLUPS},
    "UPDATE key_usage SET cost_nano_usd = 0 WHERE key_id = 'key_1'": {Check.KEY_USAGE},
    "DELETE FROM key_usage WHERE key_id = 'key_1'": {Check.KEY_USAGE},
}


@pytest.mark.parametrize("change", TAMPERING)
async def test_every_figure_that_was_touched_is_named(furnished: Store, change: str) -> None:
    """Each is kept twice, so that one of the two tells."""
    await give(furnished, ACCOUNT, 100)
    await use(furnished, "key_1", 4)
    await use(furnished, "key_1", 5)
    await use(furnished, "key_2", 6)
    before = await differences(furnished)
    async with furnished.writing() as connection:
        for trigger in ("ledger_no_update", "ledger_no_delete"):
            await connection.execute(text(f"DROP TRIGGER {trigger}"))
        await connection.execute(text(change))

    found = await differences(furnished)

    assert before == []
    assert {one.check for one in found} == TAMPERING[change]
    assert {one.account_id for one in found} == {ACCOUNT}
    assert await differences(furnished, ACCOUNT) == found
    assert await differences(furnished, OTHER) == []


async def test_a_grant_that_was_taken_off_has_nothing_left(furnished: Store) -> None:
    """What has ended must not come back to life."""
    grant_id = await give(furnished, ACCOUNT, 100, expires_at=1)
    await give(furnished, ACCOUNT, 50)
    await use(furnished, "key_1", 4)
    async with furnished.writing() as connection:
        await connection.execute(text("UPDATE grants SET remaining = 10 WHERE id = :id"), {"id": grant_id})
        await connection.execute(text("UPDATE grants SET remaining = 36 WHERE id <> :id"), {"id": grant_id})

    found = await differences(furnished)

    assert [(one.check, one.where, one.expected, one.found) for one in found] == [
        (Check.GRANT, grant_id, 0, 10)
    ]
