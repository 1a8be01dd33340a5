"""Credit of accounts: granted, adjusted, taken back; in force when the call returns."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.ledger import EntryKind, Grant, GrantSource, Posting
from keyturn.domain.money import LARGEST_USD, NANO_PER_USD, format_usd
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.accounts import find
from keyturn.services.audit import Facts, note
from keyturn.services.counters import Counters
from keyturn.services.granting import OURS, give
from keyturn.services.idempotency import keep
from keyturn.store import accounts, credit, ledger
from keyturn.store.accounts import StoredAccount
from keyturn.store.engine import Store

NOTE_LENGTH, REFERENCE_LENGTH = 500, 200
_Change = Callable[[AsyncConnection, StoredAccount], Awaitable[None]]


class AccountCredit(msgspec.Struct, frozen=True):
    """What an account has. Amounts are nano-dollars."""

    account: StoredAccount
    available: int
    balance: int
    prepaid: bool
    """Without credit nothing is served."""
    grants: list[Grant]
    """Those of which something may be used, soonest to expire first."""

    @property
    def is_out(self) -> bool:
        """Whether its keys are refused for want of credit."""
        return self.prepaid and self.available <= 0


class Standing(msgspec.Struct, frozen=True):
    """How an account stands. Amounts are nano-dollars."""

    available: int
    balance: int
    prepaid: bool


class NewCredit(msgspec.Struct, frozen=True):
    """What is to be granted, or to be adjusted.

    Attributes:
        amount: Nano-dollars; negative only of an adjustment.
        note: Why.
        expires_at: Milliseconds since 1970 UTC; ``None``: never.
        reference: Names it, so that it is not done twice; ``None``: it has no name.
    """

    amount: int
    note: str = ""
    expires_at: int | None = None
    reference: str | None = None


class Credit:
    """The use cases. What is out of the caller's reach is as if it did not exist."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters

    async def show(self, named: str | None, *, by: Principal) -> AccountCredit | Refused:
        """Return the credit of an account: of the one that is named, otherwise of the caller's own."""
        async with self._store.reading() as connection:
            found = await account_of(connection, named, by)
            return found if isinstance(found, Refused) else await credit_of(connection, found)

    async def standings(self, account_ids: Sequence[str], *, by: Principal) -> dict[str, Standing]:
        """Return how accounts within reach stand, without their grants: for a page of a list."""
        async with self._store.reading() as connection:
            within = [one for one in account_ids if by.reaches(one)]
            books = await ledger.books(connection, within)
            is_prepaid = await credit.prepaid(connection, within)
        now_ms = system.now_ms()
        return {
            one: Standing(books[one].available(now_ms), books[one].balance, one in is_prepaid)
            for one in within
        }

    async def grant(self, named: str | None, new: NewCredit, *, by: Principal) -> AccountCredit | Refused:
        """Give an account credit; it pays what is owed first. Under the reference of an earlier grant, nothing is done."""
        refused = _problem_with(new, system.now_ms(), smallest=1)
        if refused is not None:
            return refused

        async def give_it(connection: AsyncConnection, account: StoredAccount) -> None:
            posting = Posting(system.now_ms(), by.name, new.note, new.reference)
            given = await give(
                connection, account.id, GrantSource.GRANT, new.amount, posting, expires_at=new.expires_at
            )
            after: Facts = {"grant": given.id, "amount_usd": format_usd(given.amount), "note": new.note}
            await note(connection, by, "credit.grant", account.id, after=after)

        return await self._once(named, new, by, give_it)

    async def adjust(self, named: str | None, new: NewCredit, *, by: Principal) -> AccountCredit | Refused:
        """Put an account right by hand: a payment or a goodwill (positive), a correction (negative)."""
        refused = _problem_with(new, system.now_ms(), smallest=-LARGEST_USD * NANO_PER_USD)
        if refused is not None:
            return refused
        if not new.note.strip():
            return Refused(Reason.INVALID_MEMBER, "Say why in the note", "note")

        async def adjust_it(connection: AsyncConnection, account: StoredAccount) -> None:
            posting = Posting(system.now_ms(), by.name, new.note, new.reference)
            if new.amount > 0:
                await give(
                    connection,
                    account.id,
                    GrantSource.ADJUSTMENT,
                    new.amount,
                    posting,
                    expires_at=new.expires_at,
                )
            else:
                book = (await ledger.books(connection, [account.id]))[account.id]
                book.expire(Posting(posting.at, posting.actor))
                book.charge(-new.amount, posting, EntryKind.ADJUSTMENT)
                await ledger.write(connection, [book])
            after: Facts = {"amount_usd": format_usd(new.amount), "note": new.note}
            await note(connection, by, "credit.adjust", account.id, after=after)

        return await self._once(named, new, by, adjust_it)

    async def take_back(self, grant_id: str, why: str, *, by: Principal) -> AccountCredit | Refused:
        """Take back what remains of a grant."""
        if len(why) > NOTE_LENGTH:
            return Refused(Reason.INVALID_MEMBER, f"A note has at most {NOTE_LENGTH} characters", "note")
        async with self._store.writing() as connection:
            grant = await credit.grant(connection, grant_id)
            account = None if grant is None else await accounts.get(connection, grant.account_id)
            if grant is None or account is None or not by.reaches(account.id):
                return Refused(Reason.RESOURCE_NOT_FOUND, "There is no such grant")
            posting = Posting(system.now_ms(), by.name, why)
            book = (await ledger.books(connection, [account.id]))[account.id]
            book.expire(Posting(posting.at, by.name))
            still = next((one for one in book.open if one.id == grant_id), None)
            if still is None:
                return Refused(Reason.CONFLICT, "Nothing remains of this grant")
            book.reverse(still, posting)
            await ledger.write(connection, [book])
            taken: Facts = {"grant": grant_id, "amount_usd": format_usd(still.remaining), "note": why}
            await note(connection, by, "credit.take_back", account.id, after=taken)
            left = await credit_of(connection, account)
        await self._counters.reload(account.id)
        return left

    async def _once(
        self, named: str | None, new: NewCredit, by: Principal, change: _Change
    ) -> AccountCredit | Refused:
        async with self._store.writing() as connection:
            found = await account_of(connection, named, by)
            if isinstance(found, Refused):
                return found
            known = None
            if new.reference is not None:
                known = await credit.amount_under(connection, found.id, new.reference)
            if known is None:
                before = (await ledger.books(connection, [found.id]))[found.id].balance
                if abs(before + new.amount) > LARGEST_USD * NANO_PER_USD:
                    message = f"No account has, or owes, more than {LARGEST_USD} dollars"
                    return Refused(Reason.INVALID_MEMBER, message, "amount_usd")
                await change(connection, found)
            elif known != new.amount:
                message = "This reference was used for another amount"
                return Refused(Reason.CONFLICT, message, "reference")
            left = await credit_of(connection, found)
            await keep(connection, left)
        # Also when it was done before: it may be asked again because not all workers had confirmed.
        await self._counters.reload(found.id)
        return left


async def account_of(
    connection: AsyncConnection, named: str | None, by: Principal
) -> StoredAccount | Refused:
    """Return the account that is named; without a name the caller's own, for a caller of any reach."""
    if by.holder_id:
        message = "The credit of an account is shown to those who see all of it"
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, message)
    holder = by.key or by.person
    own = await accounts.first(connection) if holder is None else holder.account_id
    if named is None or named == own:
        account = await accounts.get(connection, own or "")
        return account or Refused(Reason.RESOURCE_NOT_FOUND, "There is no such account")
    return await find(connection, named, by)


async def credit_of(connection: AsyncConnection, account: StoredAccount) -> AccountCredit:
    """Return what an account has."""
    now_ms = system.now_ms()
    book = (await ledger.books(connection, [account.id]))[account.id]
    is_prepaid = account.id in await credit.prepaid(connection, [account.id])
    grants = await credit.open_grants(connection, account.id, now_ms)
    return AccountCredit(account, book.available(now_ms), book.balance, is_prepaid, grants)


def _problem_with(new: NewCredit, now_ms: int, *, smallest: int) -> Refused | None:
    if not smallest <= new.amount <= LARGEST_USD * NANO_PER_USD or new.amount == 0:
        return Refused(Reason.INVALID_MEMBER, "This amount can't be given", "amount_usd")
    if len(new.note) > NOTE_LENGTH:
        return Refused(Reason.INVALID_MEMBER, f"A note has at most {NOTE_LENGTH} characters", "note")
    if new.expires_at is not None and new.expires_at <= now_ms:
        return Refused(Reason.INVALID_MEMBER, "Credit ends in the future", "expires_at")
    if new.expires_at is not None and new.amount < 0:
        return Refused(Reason.INVALID_MEMBER, "What is taken off does not expire", "expires_at")
    if new.reference is None:
        return None
    if not 1 <= len(new.reference) <= REFERENCE_LENGTH or not new.reference.isprintable():
        message = f"A reference is 1 to {REFERENCE_LENGTH} printable characters"
        return Refused(Reason.INVALID_MEMBER, message, "reference")
    if new.reference.startswith(OURS):
        return Refused(Reason.INVALID_MEMBER, f"A reference can't begin with {OURS!r}", "reference")
    return None
