"""The ledger as it is shown."""

import pytest

from fakes.billing import USD, House, use
from fakes.stored_keys import BY_OPERATOR, holder
from keyturn.domain.ledger import EntryKind
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.credit import Credit, NewCredit
from keyturn.services.ledger import Ledger, LedgerPage, LedgerProof
from keyturn.store.engine import Store


@pytest.fixture
async def ledger(furnished: Store, credit: Credit, acme: House) -> Ledger:
    """The use cases, with something in the books."""
    await credit.grant("acme", NewCredit(10 * USD), by=BY_OPERATOR)
    for _ in range(3):
        await use(furnished, acme.key_id, USD)
    return Ledger(furnished)


def done(result: LedgerPage | Refused) -> LedgerPage:
    """Return a page that was not refused."""
    assert isinstance(result, LedgerPage), result
    return result


async def test_entries_are_shown_newest_first_page_by_page(ledger: Ledger, acme: House) -> None:
    """A busy account has millions."""
    first = done(await ledger.page("acme", by=BY_OPERATOR, limit=3))
    second = done(await ledger.page("acme", by=BY_OPERATOR, cursor=first.next_cursor, limit=3))
    grants = done(await ledger.page("acme", by=BY_OPERATOR, kind=EntryKind.GRANT, limit=3))

    assert [one.seq for one in first.entries + second.entries] == [4, 3, 2, 1]
    assert (second.next_cursor, [one.seq for one in grants.entries]) == (None, [1])
    assert first.account_id == acme.account_id


async def test_a_customer_sees_its_own_ledger_only(ledger: Ledger, acme: House) -> None:
    """Of others it is not even told that they are there."""
    own = done(await ledger.page(None, by=holder(acme.account_id), limit=10))
    others = await ledger.page("acme", by=holder("acct_other"), limit=10)

    assert len(own.entries) == 4
    assert isinstance(others, Refused)
    assert others.reason is Reason.RESOURCE_NOT_FOUND


async def test_the_proof_is_of_all_accounts_or_of_one(ledger: Ledger) -> None:
    """With the figures that were compared."""
    every = await ledger.verify(None, by=BY_OPERATOR)
    one = await ledger.verify("acme", by=BY_OPERATOR)
    other = await ledger.verify("Default", by=BY_OPERATOR)
    none = await ledger.verify("nobody", by=BY_OPERATOR)

    assert isinstance(every, LedgerProof)
    assert isinstance(other, LedgerProof)
    assert every == one
    assert every.differences == other.differences == []
    figures = every.figures
    assert (figures.accounts, figures.entries, figures.balance) == (1, 4, 7 * USD)
    assert figures.charged == figures.used == 3 * USD
    assert other.figures.entries == 0
    assert isinstance(none, Refused)
