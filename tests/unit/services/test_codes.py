"""Codes that are worth credit."""

import asyncio

import pytest
from sqlalchemy import text

from fakes.billing import USD, House, differences, entries
from fakes.heard import Heard
from fakes.stored_keys import BY_OPERATOR, holder
from keyturn import system
from keyturn.domain.ledger import GrantSource
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import Account, Accounts
from keyturn.services.codes import Codes, MadeCodes, NewCodes
from keyturn.services.credit import AccountCredit
from keyturn.store.engine import Store

DAY_MS = 86_400_000


@pytest.fixture
def codes(furnished: Store, workers: Heard) -> Codes:
    """The use cases."""
    return Codes(furnished, workers)


async def make(codes: Codes, new: NewCodes) -> list[str]:
    """Make codes; return their texts."""
    made = await codes.create(new, by=BY_OPERATOR)
    assert isinstance(made, MadeCodes)
    return [one.reveal() for one in made.codes]


async def test_of_200_that_redeem_a_code_at_once_one_gets_its_credit(
    codes: Codes, acme: House, furnished: Store, workers: Heard
) -> None:
    """A promise of five dollars must not become a thousand."""
    (code,) = await make(codes, NewCodes(5 * USD, max_uses=1_000))
    caller = holder(acme.account_id)

    results = await asyncio.gather(*(codes.redeem(code, None, by=caller) for _ in range(200)))

    (granted,) = [one for one in results if isinstance(one, AccountCredit)]
    refused = [one for one in results if isinstance(one, Refused)]
    assert granted.available == 5 * USD
    assert {(one.reason, one.param) for one in refused} == {(Reason.CONFLICT, "code")}
    assert [one.amount for one in await entries(furnished, acme.account_id)] == [5 * USD]
    assert workers.reloaded == [acme.account_id]
    assert await differences(furnished) == []


async def test_of_200_accounts_as_many_redeem_a_code_as_may(
    codes: Codes, accounts: Accounts, furnished: Store
) -> None:
    """The limit of a code holds between accounts too."""
    (code,) = await make(codes, NewCodes(USD, max_uses=7))
    customers = []
    for number in range(200):
        account = await accounts.create(f"c{number}", metadata={}, by=BY_OPERATOR)
        assert isinstance(account, Account)
        customers.append(account.stored.id)

    results = await asyncio.gather(*(codes.redeem(code, None, by=holder(one)) for one in customers))

    assert sum(isinstance(one, AccountCredit) for one in results) == 7
    ((stored,), _) = await codes.page(cursor=None, limit=10)
    assert (stored.uses, stored.max_uses) == (7, 7)
    async with furnished.reading() as connection:
        assert await connection.scalar(text("SELECT sum(amount) FROM ledger")) == 7 * USD


async def test_a_code_is_kept_as_a_hash_only(codes: Codes, furnished: Store) -> None:
    """Whoever reads the database must not be able to spend from it."""
    made = await make(codes, NewCodes(USD, count=3))

    dumped = furnished.path.read_bytes() + furnished.path.with_name("keyturn.db-wal").read_bytes()

    assert len(set(made)) == 3
    for code in made:
        assert code.encode() not in dumped
        assert code.replace("-", "").removeprefix("KT").encode() not in dumped


async def test_its_credit_lasts_as_long_as_was_said(codes: Codes, acme: House) -> None:
    """From when it was redeemed."""
    (code,) = await make(codes, NewCodes(USD, credit_days=2, note="Fair"))

    redeemed = await codes.redeem(code.lower(), "acme", by=BY_OPERATOR)

    assert isinstance(redeemed, AccountCredit)
    (grant,) = redeemed.grants
    assert (grant.source, grant.note, (grant.expires_at or 0) - grant.created_at) == (
        GrantSource.CODE,
        "Fair",
        2 * DAY_MS,
    )


async def test_a_code_whose_time_is_over_is_as_good_as_none(
    codes: Codes, acme: House, furnished: Store
) -> None:
    """And what was never one is told the same."""
    (code,) = await make(codes, NewCodes(USD, expires_at=system.now_ms() + DAY_MS))
    async with furnished.writing() as connection:
        await connection.execute(text("UPDATE codes SET expires_at = 1"))

    results = [
        await codes.redeem(one, "acme", by=BY_OPERATOR)
        for one in (code, "KT-00000-00000-00000-00000", "nonsense", "")
    ]
    nowhere = await codes.redeem(code, "nobody", by=BY_OPERATOR)

    texts = {(one.reason, one.text) for one in results if isinstance(one, Refused)}
    assert texts == {(Reason.RESOURCE_NOT_FOUND, "There is no such code, or its time is over")}
    assert isinstance(nowhere, Refused)


@pytest.mark.parametrize(
    ("new", "param"),
    [
        (NewCodes(0), "amount_usd"),
        (NewCodes(1, count=0), "count"),
        (NewCodes(1, count=1_001), "count"),
        (NewCodes(1, max_uses=0), "max_uses"),
        (NewCodes(1, credit_days=0), "credit_days"),
        (NewCodes(1, expires_at=1), "expires_at"),
        (NewCodes(1, note="x" * 501), "note"),
    ],
)
async def test_codes_that_can_not_be_are_refused(codes: Codes, new: NewCodes, param: str) -> None:
    """With the member at fault."""
    refused = await codes.create(new, by=BY_OPERATOR)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.param) == (Reason.INVALID_MEMBER, param)


async def test_codes_are_listed_page_by_page(codes: Codes) -> None:
    """A lot may have a thousand, all made in the same millisecond."""
    await make(codes, NewCodes(USD, count=5))

    first, cursor = await codes.page(cursor=None, limit=3)
    second, end = await codes.page(cursor=cursor, limit=3)

    assert len({one.hash for one in first + second}) == 5
    assert end is None
    assert all(one.display.startswith("KT-") and len(one.display) == 9 for one in first)
