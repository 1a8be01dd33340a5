"""What time does to credit: grants end, months begin, and somebody should hear of it beforehand."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.keys import rfc3339
from keyturn.domain.ledger import Grant, GrantSource, Posting
from keyturn.domain.money import format_usd
from keyturn.domain.months import month_of
from keyturn.domain.principal import SCHEDULER
from keyturn.services import events
from keyturn.services.counters import Counters
from keyturn.services.granting import monthly
from keyturn.services.subscriptions import give_monthly
from keyturn.store import credit, ledger, rotation
from keyturn.store.engine import Store

LOOK_EVERY_S = 1.0
"""Credit ends when it is said to end, so the next end is looked up each second: 0.2 ms."""
MONTHS_EVERY_MS = 60_000
AHEAD_MS = 60_000
"""How long before its end a grant is kept in mind: whoever charges the account takes it off, too, and may come first."""
DAY_MS = 86_400_000
NOTICE_DAYS = (1, 7)
"""How long before its end a grant is spoken of."""


class CreditWatch:
    """Posts what has ended, gives what a month brings, and tells what is near; ``run`` goes on until cancelled."""

    def __init__(self, store: Store, counters: Counters, flush: Callable[[], Awaitable[object]]) -> None:
        """Take in where things are.

        Args:
            store: Holds the ledger.
            counters: Hear of every account whose credit has changed.
            flush: Brings all usage so far into the store: it is charged to a grant before that ends.
        """
        self._store = store
        self._counters = counters
        self._flush = flush
        self._months_at_ms = 0
        self._ends: set[tuple[str, int]] = set()
        """Account and when a grant of it ends: of those whose end not everybody who counts has heard of."""

    async def run(self) -> None:
        """Look at once, and then again and again."""
        while True:
            try:
                await self.look(system.now_ms())
            except (
                SQLAlchemyError,
                OSError,
            ) as error:  # a full disk, or a database that is gone: no fault of ours
                why = str(error).partition("\n")[0]
                structlog.get_logger().error("credit could not be looked after", why=why)
            except Exception:  # noqa: BLE001 -- whatever it is, the next second must be looked at too
                structlog.get_logger().exception("credit could not be looked after")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, now_ms: int) -> None:
        """Post the grants that have ended, and give what the month brings to whoever has not had it."""
        async with self._store.reading() as connection:
            self._ends |= await credit.ends_until(connection, now_ms + AHEAD_MS)
        over = {end for end in self._ends if end[1] <= now_ms}
        if not over and now_ms < self._months_at_ms:
            return
        if over:
            await self._flush()
        async with self._store.writing() as connection:
            changed = await _expire(connection, now_ms)
            # A month's credit ends when the next month begins: whoever lives by it is never without.
            changed |= await _begin_months(connection, now_ms)
        self._months_at_ms = now_ms + MONTHS_EVERY_MS
        for account_id in sorted(changed | {account_id for account_id, _ in over}):
            await self._counters.reload(account_id)
        self._ends -= over

    async def remind(self, now_ms: int) -> None:
        """Tell of accounts that have nothing left, and of grants that end soon; of each once."""
        async with self._store.writing() as connection:
            notices = [
                *await _exhausted(connection, now_ms),
                *await _ending(connection, now_ms),
            ]
            await events.keep(connection, notices)


async def _expire(connection: AsyncConnection, now_ms: int) -> set[str]:
    account_ids = await credit.expired(connection, now_ms)
    if account_ids:
        opened = await ledger.books(connection, account_ids)
        for book in opened.values():
            book.expire(Posting(now_ms, SCHEDULER))
        await ledger.write(connection, opened.values())
    return account_ids


async def _begin_months(connection: AsyncConnection, now_ms: int) -> set[str]:
    given = set()
    for zone in await credit.zones_with_plans(connection):
        reference = monthly(month_of(now_ms / 1000, zone))
        for account_id, amount in await credit.without_monthly(connection, zone, reference):
            await give_monthly(connection, account_id, zone, amount, Posting(now_ms, SCHEDULER))
            given.add(account_id)
    return given


async def _exhausted(connection: AsyncConnection, now_ms: int) -> list[Notice]:
    notices = []
    left = await ledger.available_of(connection, await credit.prepaid(connection), now_ms)
    for account_id, available in sorted(left.items()):
        if available > 0:
            continue
        credited = await credit.last_credited(connection, account_id)
        # Once for each time that there was some.
        if credited and await rotation.say(connection, account_id, f"credit exhausted {credited}", now_ms):
            details = {"available_usd": format_usd(available)}
            notices.append(
                Notice(EventKind.CREDIT_EXHAUSTED, now_ms / 1000, details=details, account_id=account_id)
            )
    return notices


async def _ending(connection: AsyncConnection, now_ms: int) -> list[Notice]:
    notices = []
    for grant in await credit.ending(connection, now_ms + max(NOTICE_DAYS) * DAY_MS):
        days = _days_of_notice(grant, now_ms)
        if days and await rotation.say(
            connection, grant.account_id, f"credit ends {days} {grant.id}", now_ms
        ):
            details = {
                "grant": grant.id,
                "remaining_usd": format_usd(grant.remaining),
                "expires_at": rfc3339((grant.expires_at or 0) / 1000),
            }
            notices.append(
                Notice(
                    EventKind.CREDIT_EXPIRES_SOON,
                    now_ms / 1000,
                    details=details,
                    account_id=grant.account_id,
                )
            )
    return notices


def _days_of_notice(grant: Grant, now_ms: int) -> int | None:
    """Return which of ``NOTICE_DAYS`` it is time for; a grant that was made for less than that has none."""
    if grant.source is GrantSource.PLAN or grant.expires_at is None or grant.expires_at <= now_ms:
        return None  # what a plan includes comes again
    return next(
        (
            days
            for days in NOTICE_DAYS
            if grant.expires_at - now_ms <= days * DAY_MS < grant.expires_at - grant.created_at
        ),
        None,
    )
