"""Granting, adjusting and taking back credit."""

import pytest

from fakes.billing import USD, House, differences, entries, use
from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, holder, log_of
from keyturn import system
from keyturn.domain.ledger import EntryKind, GrantSource
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, AccountChange, Accounts
from keyturn.services.credit import AccountCredit, Credit, NewCredit
from keyturn.services.subscriptions import Terms
from keyturn.store import tables
from keyturn.store.engine import Store

DAY_MS = 86_400_000


def done(result: AccountCredit | Refused) -> AccountCredit:
    """Return what an account has, which was not refused."""
    assert isinstance(result, AccountCredit), result
    return result


def reason(result: object) -> tuple[Reason, str | None]:
    """Return why something was refused, and for which member."""
    assert isinstance(result, Refused)
    return result.reason, result.param


async def events_of(store: Store, account_id: str) -> list[str]:
    """Return the kinds of the events of an account, in order."""
    query = (
        tables.events.select().where(tables.events.c.account_id == account_id).order_by(tables.events.c.id)
    )
    async with store.reading() as connection:
        return [row.kind for row in await connection.execute(query)]


async def test_credit_is_there_when_the_call_returns_and_whoever_counts_has_heard(
    credit: Credit, acme: House, workers: Heard, furnished: Store
) -> None:
    """Resumed on top-up, at once."""
    new = NewCredit(10 * USD, "Invoice 4711", system.now_ms() + DAY_MS)

    given = done(await credit.grant("acme", new, by=BY_OPERATOR))

    assert (given.available, given.balance) == (10 * USD, 10 * USD)
    assert [(one.source, one.amount, one.note) for one in given.grants] == [
        (GrantSource.GRANT, 10 * USD, "Invoice 4711")
    ]
    assert workers.reloaded == [acme.account_id]
    assert (await log_of(furnished))[-1] == ("operator", "credit.grant", acme.account_id)
    assert await events_of(furnished, acme.account_id) == ["credit.granted"]


async def test_the_same_reference_grants_once(credit: Credit, acme: House, workers: Heard) -> None:
    """A payment is reported twice by every payment provider; workers are told each time."""
    new = NewCredit(10 * USD, reference="payment 1")

    await credit.grant("acme", new, by=BY_OPERATOR)
    given = done(await credit.grant("acme", new, by=BY_OPERATOR))
    other = await credit.grant("acme", NewCredit(11 * USD, reference="payment 1"), by=BY_OPERATOR)

    assert given.available == 10 * USD
    assert reason(other) == (Reason.CONFLICT, "reference")
    assert workers.reloaded == [acme.account_id] * 2


async def test_a_payment_settles_what_is_owed(credit: Credit, acme: House, furnished: Store) -> None:
    """An account that pays afterwards is charged as well, and adjusted when it has paid."""
    await use(furnished, acme.key_id, 3 * USD)

    paid = done(await credit.adjust("acme", NewCredit(5 * USD, "Paid"), by=BY_OPERATOR))

    assert (paid.available, [one.remaining for one in paid.grants]) == (2 * USD, [2 * USD])
    assert await differences(furnished) == []


async def test_what_is_taken_off_comes_from_what_remains_and_is_owed_beyond(
    credit: Credit, acme: House, furnished: Store
) -> None:
    """The books stay right whatever is corrected."""
    await credit.grant("acme", NewCredit(2 * USD), by=BY_OPERATOR)

    left = done(await credit.adjust("acme", NewCredit(-5 * USD, "Booked twice"), by=BY_OPERATOR))

    assert (left.available, left.grants) == (-3 * USD, [])
    last = (await entries(furnished, acme.account_id))[-1]
    assert (last.kind, last.amount, last.note, last.actor) == (
        EntryKind.ADJUSTMENT,
        -5 * USD,
        "Booked twice",
        "operator",
    )
    assert await differences(furnished) == []


async def test_what_remains_of_a_grant_can_be_taken_back_once(
    credit: Credit, acme: House, furnished: Store, workers: Heard
) -> None:
    """A payment that was charged back."""
    given = done(await credit.grant("acme", NewCredit(10 * USD), by=BY_OPERATOR))
    await use(furnished, acme.key_id, 4 * USD)
    (grant,) = given.grants

    left = done(await credit.take_back(grant.id, "Charged back", by=BY_OPERATOR))
    again = await credit.take_back(grant.id, "", by=BY_OPERATOR)

    assert left.available == 0
    assert reason(again) == (Reason.CONFLICT, None)
    assert workers.reloaded == [acme.account_id] * 2
    assert await differences(furnished) == []


async def test_a_prepaid_account_without_credit_is_out_of_it_until_it_has_some(
    accounts: Accounts, credit: Credit, acme: House, furnished: Store
) -> None:
    """What the account's status shows."""
    await accounts.edit("acme", AccountChange(terms=Terms(prepaid=True)), by=BY_OPERATOR)

    states = []
    for amount in (0, 2, -3, 1, 1):
        if amount:
            await credit.adjust("acme", NewCredit(amount, "x"), by=BY_OPERATOR)
        shown = await accounts.show("acme", by=BY_OPERATOR)
        (listed,) = (await accounts.page("acme", by=BY_OPERATOR, cursor=None, limit=10))[0]
        assert isinstance(shown, Account)
        assert (
            shown.out_of_credit
            is listed.out_of_credit
            is done(await credit.show("acme", by=BY_OPERATOR)).is_out
        )
        states.append(shown.out_of_credit)

    assert states == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("new", "param"),
    [
        (NewCredit(0), "amount_usd"),
        (NewCredit(-1), "amount_usd"),
        (NewCredit(10**18 + 1), "amount_usd"),
        (NewCredit(1, "x" * 501), "note"),
        (NewCredit(1, expires_at=1), "expires_at"),
        (NewCredit(1, reference=""), "reference"),
        (NewCredit(1, reference="x" * 201), "reference"),
        (NewCredit(1, reference="a\nb"), "reference"),
        (NewCredit(1, reference="keyturn:trial"), "reference"),
    ],
)
async def test_credit_that_can_not_be_is_refused_with_the_member_at_fault(
    credit: Credit, acme: House, furnished: Store, new: NewCredit, param: str
) -> None:
    """And nothing is written."""
    refused = await credit.grant("acme", new, by=BY_OPERATOR)

    assert reason(refused) == (Reason.INVALID_MEMBER, param)
    assert await entries(furnished, acme.account_id) == []


async def test_a_balance_stays_what_can_be_counted(credit: Credit, acme: House, furnished: Store) -> None:
    """Grants add up, and a sum that fits no column would be nobody's refusal but a failure."""
    most = NewCredit(10**18, "n")
    await credit.grant("acme", most, by=BY_OPERATOR)

    more = await credit.grant("acme", NewCredit(1), by=BY_OPERATOR)
    for _ in range(2):
        await credit.adjust("acme", NewCredit(-(10**18), "n"), by=BY_OPERATOR)
    less = await credit.adjust("acme", NewCredit(-1, "n"), by=BY_OPERATOR)

    assert reason(more) == reason(less) == (Reason.INVALID_MEMBER, "amount_usd")
    assert len(await entries(furnished, acme.account_id)) == 3


async def test_an_adjustment_says_why(credit: Credit, acme: House) -> None:
    """Somebody reads it on the statement; and what is taken off has no end."""
    bare = await credit.adjust("acme", NewCredit(1), by=BY_OPERATOR)
    ending = await credit.adjust("acme", NewCredit(-1, "x", system.now_ms() + DAY_MS), by=BY_OPERATOR)
    long = await credit.take_back("grnt_1", "x" * 501, by=BY_OPERATOR)

    assert reason(bare) == (Reason.INVALID_MEMBER, "note")
    assert reason(ending) == (Reason.INVALID_MEMBER, "expires_at")
    assert reason(long) == (Reason.INVALID_MEMBER, "note")


async def test_a_key_sees_the_credit_of_its_own_account_and_no_other(credit: Credit, acme: House) -> None:
    """A key that may only read asks why it was refused; others' books are none of its business."""
    own = holder(acme.account_id, acme.project_id, permission=Permission.READ)

    unnamed = done(await credit.show(None, by=own))
    named = done(await credit.show(acme.account_id, by=own))
    others = await credit.show("Default", by=own)
    nobodys = await credit.show("nobody", by=BY_OPERATOR)
    taken = await credit.take_back("grnt_1", "", by=BY_OPERATOR)

    assert unnamed == named
    assert unnamed.account.id == acme.account_id
    assert done(await credit.show(None, by=BY_OPERATOR)).account.name == "Default"
    assert {reason(one)[0] for one in (others, nobodys, taken)} == {Reason.RESOURCE_NOT_FOUND}
