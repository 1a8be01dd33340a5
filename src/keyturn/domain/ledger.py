"""The ledger of an account: what was granted, what was used, and what is left of it.

Entries are only ever added. Each has an amount, positive for what the account gets and negative for what it uses, and
the balance behind it: the sum of all amounts so far. Beside them stand the grants, each with what remains of it.

====================  ==============================================================================
what happens          then
====================  ==============================================================================
credit is granted     it pays what is owed first; what is left of it remains
something is charged  from the grants, soonest to expire first; what none of them covers is owed
a grant expires       what remains of it is taken off
====================  ==============================================================================

So there is never both something owed and something remaining: ``sum(remaining) == max(0, balance)``, always.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from keyturn.domain.months import UTC, month_of


class EntryKind(StrEnum):
    """What an entry is for."""

    CHARGE = "charge"
    """Usage, as it was priced when it happened."""
    GRANT = "grant"
    EXPIRY = "expiry"
    ADJUSTMENT = "adjustment"
    """By hand: a payment, a correction, a goodwill."""
    RERATE = "rerate"
    """Usage that was priced anew afterwards: the difference."""
    REVERSAL = "reversal"
    """A grant was taken back: what remained of it."""


class GrantSource(StrEnum):
    """How an account came by a grant."""

    GRANT = "grant"
    TRIAL = "trial"
    PLAN = "plan"
    CODE = "code"
    ADJUSTMENT = "adjustment"


class Grant(msgspec.Struct, frozen=True):
    """Credit that an account was given. Times are milliseconds since 1970 UTC, amounts nano-dollars."""

    id: str
    account_id: str
    source: GrantSource
    amount: int
    remaining: int
    created_at: int
    expires_at: int | None = None
    """``None``: never."""
    note: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One line of a ledger, as it is kept. Amounts are nano-dollars."""

    account_id: str
    seq: int
    """From 1 for each account, without a gap."""
    at: int
    """Milliseconds since 1970 UTC."""
    month: str
    """The statement that it stands on, by the account's time zone."""
    kind: EntryKind
    amount: int
    balance: int
    grant_id: str = ""
    """The grant that it is about; empty for what is charged to whichever are open."""
    requests: int = 0
    """How many are charged."""
    note: str = ""
    actor: str = ""
    reference: str | None = None
    """Unique within the account: what is not to happen twice."""


class Posting(msgspec.Struct, frozen=True):
    """What is written beside an amount."""

    at: int
    """Milliseconds since 1970 UTC."""
    actor: str = ""
    note: str = ""
    reference: str | None = None
    requests: int = 0


class Book:
    """An account's ledger, open for writing.

    Attributes:
        entries: What was added, in order.
    """

    def __init__(
        self,
        account_id: str,
        *,
        zone: str = UTC,
        seq: int = 0,
        balance: int = 0,
        grants: Iterable[Grant] = (),
    ) -> None:
        """Open it where it ends.

        Args:
            account_id: Whose it is.
            zone: The account's time zone: by its months there are statements.
            seq: The number of the last entry; 0: there is none.
            balance: Behind the last entry, in nano-dollars.
            grants: Those of which something remains.
        """
        self.account_id = account_id
        self.zone = zone
        self.balance = balance
        self.entries: list[Entry] = []
        self._seq = seq
        self._open = {grant.id: grant for grant in sorted(grants, key=_by_expiry)}
        self._before = {grant.id: grant.remaining for grant in self._open.values()}

    @property
    def open(self) -> list[Grant]:
        """The grants of which something remains, soonest to expire first."""
        return [grant for grant in self._open.values() if grant.remaining]

    @property
    def granted(self) -> list[Grant]:
        """The grants that are new, as they are now."""
        return [grant for grant in self._open.values() if grant.id not in self._before]

    def remaining_changed(self) -> dict[str, int]:
        """Return what remains of each grant that is not new and of which something was used."""
        return {
            grant_id: self._open[grant_id].remaining
            for grant_id, before in self._before.items()
            if self._open[grant_id].remaining != before
        }

    def available(self, now_ms: int) -> int:
        """Return what may be used at a time: what remains and has not expired, less what is owed."""
        return available(self.balance, self.open, now_ms)

    def grant(self, grant: Grant, posting: Posting, kind: EntryKind = EntryKind.GRANT) -> Grant:
        """Add credit; return the grant with what remains of it once it has paid what was owed.

        Args:
            grant: With ``remaining`` as its whole amount, which is positive.
            posting: What is written beside it.
            kind: ``ADJUSTMENT`` or ``RERATE`` where it is one.
        """
        remaining = min(grant.amount, max(0, self.balance + grant.amount))
        kept = msgspec.structs.replace(grant, remaining=remaining)
        self._add(kind, grant.amount, posting, grant_id=grant.id)
        self._open = {one.id: one for one in sorted([*self._open.values(), kept], key=_by_expiry)}
        return kept

    def charge(self, amount: int, posting: Posting, kind: EntryKind = EntryKind.CHARGE) -> None:
        """Take off ``amount``, which is positive: from what remains, the rest is owed."""
        left = amount
        for grant in self.open:
            used = min(left, grant.remaining)
            self._open[grant.id] = msgspec.structs.replace(grant, remaining=grant.remaining - used)
            left -= used
            if not left:
                break
        self._add(kind, -amount, posting)

    def expire(self, posting: Posting) -> list[Grant]:
        """Take off what remains of each grant that has ended by the time of ``posting``; return those, as they were."""
        ended = [one for one in self.open if one.expires_at is not None and one.expires_at <= posting.at]
        for grant in ended:
            self._take_back(grant, EntryKind.EXPIRY, posting)
        return ended

    def reverse(self, grant: Grant, posting: Posting) -> None:
        """Take off what remains of a grant, which must be an open one."""
        self._take_back(grant, EntryKind.REVERSAL, posting)

    def _take_back(self, grant: Grant, kind: EntryKind, posting: Posting) -> None:
        self._open[grant.id] = msgspec.structs.replace(grant, remaining=0)
        self._add(kind, -grant.remaining, posting, grant_id=grant.id)

    def _add(self, kind: EntryKind, amount: int, posting: Posting, *, grant_id: str = "") -> None:
        self._seq += 1
        self.balance += amount
        self.entries.append(
            Entry(
                self.account_id,
                self._seq,
                posting.at,
                month_of(posting.at / 1000, self.zone),
                kind,
                amount,
                self.balance,
                grant_id,
                posting.requests,
                posting.note,
                posting.actor,
                posting.reference,
            )
        )


def available(balance: int, grants: Sequence[Grant], now_ms: int) -> int:
    """Return what may be used: what remains of the grants that have not expired, less what is owed; in nano-dollars."""
    good = sum(one.remaining for one in grants if one.expires_at is None or one.expires_at > now_ms)
    return good + min(0, balance)


def _by_expiry(grant: Grant) -> tuple[bool, int, int, str]:
    """Order grants as they are used up: those that never expire last, among equals the oldest first."""
    return grant.expires_at is None, grant.expires_at or 0, grant.created_at, grant.id
