"""What time does to credit."""

import msgspec
import pytest
from sqlalchemy import text

from fakes.billing import USD, House, differences, entries, use
from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR
from keyturn import system
from keyturn.domain.ledger import EntryKind
from keyturn.domain.months import end_of, month_of, next_month
from keyturn.services.accounts import AccountChange, Accounts
from keyturn.services.credit import Credit, NewCredit
from keyturn.services.credit_watch import CreditWatch
from keyturn.services.plans import PlanMembers, Plans
from keyturn.services.subscriptions import Terms
from keyturn.store import tables
from keyturn.store.engine import Store

DAY_MS = 86_400_000


class Flushed:
    """Counts how often usage was brought in."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        """Do as ingest does."""
        self.times += 1


@pytest.fixture
def watch(furnished: Store, workers: Heard) -> CreditWatch:
    """The use case."""
    return CreditWatch(furnished, workers, Flushed())


async def told(store: Store, account_id: str) -> list[tuple[str, dict[str, str]]]:
    """Return the events of an account beside those of grants, with their details."""
    query = (
        tables.events.select().where(tables.events.c.account_id == account_id).order_by(tables.events.c.id)
    )
    async with store.reading() as connection:
        found = [(row.kind, msgspec.json.decode(row.details)) for row in await connection.execute(query)]
    return [one for one in found if one[0] != "credit.granted"]


async def test_a_grant_that_has_ended_is_taken_off_once_and_whoever_counts_hears_of_it(
    credit: Credit, acme: House, furnished: Store, workers: Heard
) -> None:
    """After all usage until then was charged to it."""
    flushed = Flushed()
    watch = CreditWatch(furnished, workers, flushed)
    ends = system.now_ms() + 5_000
    await credit.grant("acme", NewCredit(5 * USD, expires_at=ends), by=BY_OPERATOR)
    await watch.look(ends - 1)
    workers.reloaded.clear()

    for now_ms in (ends, ends + 1_000):
        await watch.look(now_ms)

    last = (await entries(furnished, acme.account_id))[-1]
    assert (last.kind, last.amount, last.balance, last.at) == (EntryKind.EXPIRY, -5 * USD, 0, ends)
    assert len(await entries(furnished, acme.account_id)) == 2
    assert (workers.reloaded, flushed.times) == ([acme.account_id], 1)
    assert await differences(furnished) == []


async def test_whoever_counts_hears_of_an_end_that_a_charge_has_written_down_first(
    credit: Credit, acme: House, furnished: Store, workers: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account in use is charged all the time, and each charge takes off what has ended."""
    ends = system.now_ms() + 5_000
    await credit.grant("acme", NewCredit(5 * USD, expires_at=ends), by=BY_OPERATOR)
    watch = CreditWatch(furnished, workers, Flushed())
    await watch.look(ends - 1_000)
    monkeypatch.setattr(system, "now_ms", lambda: ends + 1)
    await use(furnished, acme.key_id, 7, at_ms=ends)
    workers.reloaded.clear()

    for now_ms in (ends + 2, ends + 1_002):
        await watch.look(now_ms)

    kinds = [entry.kind for entry in await entries(furnished, acme.account_id)]
    assert kinds == [EntryKind.GRANT, EntryKind.EXPIRY, EntryKind.CHARGE]
    assert workers.reloaded == [acme.account_id]


async def test_the_credit_of_a_month_is_followed_by_that_of_the_next_without_a_gap(
    plans: Plans, accounts: Accounts, acme: House, furnished: Store, workers: Heard
) -> None:
    """Whoever lives by it is served at one second past midnight; a rerun gives nothing twice."""
    watch = CreditWatch(furnished, workers, Flushed())
    async with furnished.writing() as connection:
        await connection.execute(
            text("UPDATE accounts SET time_zone = 'America/New_York' WHERE name = 'acme'")
        )
    await plans.create(PlanMembers("Pro", prepaid=True, monthly_nano_usd=20 * USD), by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(terms=Terms("Pro")), by=BY_OPERATOR)
    await use(furnished, acme.key_id, USD, at_ms=system.now_ms())
    this = month_of(system.now(), "America/New_York")
    ends = end_of(this, "America/New_York") * 1000
    await watch.look(ends - 1)
    workers.reloaded.clear()

    for now_ms in (ends, ends, ends + 60_000, ends + 2 * DAY_MS):
        await watch.look(now_ms)

    found = [(one.kind, one.amount, one.month) for one in await entries(furnished, acme.account_id)]
    assert found == [
        (EntryKind.GRANT, 20 * USD, this),
        (EntryKind.CHARGE, -USD, this),
        (EntryKind.EXPIRY, -19 * USD, next_month(this)),
        (EntryKind.GRANT, 20 * USD, next_month(this)),
    ]
    assert workers.reloaded == [acme.account_id]
    assert await differences(furnished) == []


async def test_a_month_that_began_while_nobody_looked_is_given_later(
    watch: CreditWatch, plans: Plans, accounts: Accounts, acme: House, furnished: Store
) -> None:
    """A node that was off; nothing is given for the months it missed."""
    await plans.create(PlanMembers("Pro", monthly_nano_usd=20 * USD), by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(terms=Terms("Pro")), by=BY_OPERATOR)

    await watch.look(system.now_ms() + 100 * DAY_MS)

    amounts = [one.amount for one in await entries(furnished, acme.account_id)]
    assert amounts == [20 * USD, -20 * USD, 20 * USD]


async def test_an_account_that_has_used_everything_is_told_of_once_each_time(
    watch: CreditWatch, credit: Credit, accounts: Accounts, acme: House, furnished: Store
) -> None:
    """Nobody wants it every minute, and everybody wants it the second time too."""
    await accounts.edit("acme", AccountChange(terms=Terms(prepaid=True)), by=BY_OPERATOR)
    await watch.remind(system.now_ms())  # it never had any
    counts = []
    for _ in range(2):
        await credit.grant("acme", NewCredit(USD), by=BY_OPERATOR)
        await watch.remind(system.now_ms())
        await use(furnished, acme.key_id, USD)
        for _ in range(2):
            await watch.remind(system.now_ms())
        counts.append(len(await told(furnished, acme.account_id)))

    assert counts == [1, 2]
    assert (await told(furnished, acme.account_id))[0] == ("credit.exhausted", {"available_usd": "0"})


async def test_credit_that_ends_soon_is_told_of_seven_days_and_one_day_ahead(
    watch: CreditWatch, credit: Credit, acme: House, furnished: Store
) -> None:
    """Once each; what lasts less than that from the beginning is not spoken of."""
    now_ms = system.now_ms()
    ends = now_ms + 30 * DAY_MS
    await credit.grant("acme", NewCredit(USD, expires_at=ends), by=BY_OPERATOR)
    await credit.grant("acme", NewCredit(USD, expires_at=now_ms + DAY_MS // 2), by=BY_OPERATOR)

    heard = []
    for days in (30, 8, 7, 6, 1, 0.5):
        await watch.remind(ends - int(days * DAY_MS))
        heard.append(len(await told(furnished, acme.account_id)))

    assert heard == [0, 0, 1, 1, 2, 2]
    kind, details = (await told(furnished, acme.account_id))[0]
    assert (kind, details["remaining_usd"]) == ("credit.expires_soon", "1")


async def test_what_a_plan_gives_each_month_is_not_spoken_of(
    watch: CreditWatch, plans: Plans, accounts: Accounts, acme: House, furnished: Store
) -> None:
    """It comes again."""
    await plans.create(PlanMembers("Pro", monthly_nano_usd=USD), by=BY_OPERATOR)
    await accounts.edit("acme", AccountChange(terms=Terms("Pro")), by=BY_OPERATOR)
    ends = end_of(month_of(system.now(), "UTC"), "UTC") * 1000

    await watch.remind(ends - 1)

    assert await told(furnished, acme.account_id) == []
