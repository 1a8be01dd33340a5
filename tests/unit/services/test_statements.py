"""Statements equal the ledger and the usage to the nano-dollar."""

from itertools import pairwise

import pytest
from sqlalchemy import func, select, text

from fakes.billing import USD, House, sum_of, use
from fakes.stored_keys import BY_OPERATOR, StoredKeys, holder
from keyturn import system
from keyturn.domain.ledger import EntryKind
from keyturn.domain.months import month_of, next_month, start_of
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.statements import Statement
from keyturn.services.credit import Credit, NewCredit
from keyturn.services.statements import Statements
from keyturn.store import ledger, tables
from keyturn.store.engine import Store

ZONE = "Asia/Kathmandu"
"""Months there begin at a quarter past the hour."""
HOUR_MS = 3_600_000


@pytest.fixture
def statements(furnished: Store) -> Statements:
    """The use case."""
    return Statements(furnished)


def done(result: Statement | Refused) -> Statement:
    """Return a statement that was not refused."""
    assert isinstance(result, Statement), result
    return result


async def test_months_add_up_to_the_ledger_and_to_the_usage(
    statements: Statements,
    credit: Credit,
    acme: House,
    stored_keys: StoredKeys,
    furnished: Store,
) -> None:
    """Nothing between two statements, nothing on both, whatever the time zone."""
    async with furnished.writing() as connection:
        await connection.execute(text(f"UPDATE accounts SET time_zone = '{ZONE}'"))  # noqa: S608 -- a constant
    second, _ = await stored_keys.put(acme.project_id, name="second")
    this = month_of(system.now(), ZONE)
    begins = start_of(this, ZONE) * 1000
    await credit.grant("acme", NewCredit(USD, "Welcome"), by=BY_OPERATOR)
    cost, number = 1, 0
    for at in (
        begins - 40 * 24 * HOUR_MS,
        begins - HOUR_MS,
        begins - 1,
        begins,
        begins + 1,
        begins + HOUR_MS,
    ):
        for key_id in (acme.key_id, second):
            for model in ("large", "small"):
                number += 1
                cost = cost * 3 + number
                await use(furnished, key_id, cost, at_ms=at, model=model)
    await credit.adjust("acme", NewCredit(-7, "Correction"), by=BY_OPERATOR)
    async with furnished.writing() as connection:
        diffs = {acme.account_id: -5}
        await ledger.adjust_for_rerate(connection, diffs, at_ms=system.now_ms(), reference="r")

    months = [month_of((begins - 40 * 24 * HOUR_MS) / 1000, ZONE)]
    while months[-1] <= this:
        months.append(next_month(months[-1]))
    found = [done(await statements.show("acme", month, by=BY_OPERATOR)) for month in months]

    assert found[0].opening == 0
    for earlier, later in pairwise(found):
        assert earlier.closing == later.opening
    for statement in found:
        assert statement.closing == await sum_of(furnished, acme.account_id, statement.month)
        for sums in (statement.by_model(), statement.by_key(), statement.by_project()):
            assert sum(one.cost_nano_usd for one in sums) == statement.charged
    async with furnished.reading() as connection:
        used = await connection.scalar(select(func.sum(tables.key_usage.c.cost_nano_usd)))
    assert sum(one.charged for one in found) == used
    assert found[-1].closing == await sum_of(furnished, acme.account_id)
    (current,) = [one for one in found if one.month == this]
    assert [(one.kind, one.amount) for one in current.adjustments] == [
        (EntryKind.ADJUSTMENT, -7),
        (EntryKind.RERATE, 5),
    ]
    assert [one.note for one in current.credits] == ["Welcome"]
    assert sum(line.requests for line in current.lines) == 12
    assert {line.key_name for line in current.lines} == {"app", "second"}
    assert [one.is_final for one in found][-2:] == [False, False]
    assert found[0].is_final


async def test_a_month_in_which_nothing_happened_has_a_statement(statements: Statements, acme: House) -> None:
    """It says so."""
    empty = done(await statements.show("acme", "2020-02", by=BY_OPERATOR))

    assert (empty.opening, empty.closing, empty.entries, empty.lines) == (0, 0, (), ())
    assert empty.ends_at - empty.starts_at == 29 * 86_400
    assert empty.known_until == empty.ends_at - 1


async def test_a_month_that_is_not_over_is_told_up_to_now(statements: Statements, acme: House) -> None:
    """Nothing has happened on days that are still to come."""
    before = int(system.now())
    this = month_of(before, "UTC")
    current = done(await statements.show("acme", this, by=BY_OPERATOR))
    coming = done(await statements.show("acme", next_month(next_month(this)), by=BY_OPERATOR))

    assert current.starts_at <= current.known_until <= system.now()
    assert before <= current.known_until or current.is_final
    assert coming.known_until == coming.starts_at


@pytest.mark.parametrize("month", ["2026", "2026-13", "../2026-11", ""])
async def test_what_is_no_month_is_refused(statements: Statements, acme: House, month: str) -> None:
    """With its form."""
    refused = await statements.show("acme", month, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, "month")


async def test_a_customer_gets_its_own_only(statements: Statements, acme: House) -> None:
    """Of others it is not even told that they are there."""
    own = await statements.show("acme", "2026-11", by=holder(acme.account_id))
    others = await statements.show("acme", "2026-11", by=holder("acct_other"))

    done(own)
    assert isinstance(others, Refused)
