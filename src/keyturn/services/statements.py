"""Statements of accounts, by the month. Reads what is in the store: ask ingest to flush first."""

from keyturn import system
from keyturn.domain.months import end_of, is_month, start_of
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.statements import Statement
from keyturn.services.accounts import find
from keyturn.store import ledger_pages
from keyturn.store.engine import Store


class Statements:
    """The use case."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def show(self, named: str, month: str, *, by: Principal) -> Statement | Refused:
        """Return the statement of an account for a month (``2026-11``) by its own calendar.

        That of the current month is what it comes to so far. What a request costs stands in the month in which the
        request began, by the time zone that the account had when it ended.
        """
        if not is_month(month):
            return Refused(Reason.INVALID_MEMBER, "A month is written as 2026-11", "month")
        async with self._store.reading() as connection:
            account = await find(connection, named, by)
            if isinstance(account, Refused):
                return account
            opening = await ledger_pages.balance_before(connection, account.id, month)
            entries = await ledger_pages.others_of(connection, account.id, month)
            lines = await ledger_pages.usage_of(connection, account.id, month)
        starts_at, ends_at = start_of(month, account.time_zone), end_of(month, account.time_zone)
        now = int(system.now())
        return Statement(
            account_id=account.id,
            account_name=account.name,
            month=month,
            zone=account.time_zone,
            starts_at=starts_at,
            ends_at=ends_at,
            known_until=max(starts_at, min(ends_at - 1, now)),
            opening=opening,
            entries=tuple(entries),
            lines=tuple(lines),
            is_final=ends_at <= now,
        )

    async def spent(self, account_id: str, month: str, *, by: Principal) -> int | Refused:
        """Return what an account was charged in a month, in nano-dollars."""
        async with self._store.reading() as connection:
            account = await find(connection, account_id, by)
            if isinstance(account, Refused):
                return account
            return await ledger_pages.charged_in(connection, account.id, month)
