"""Whether the ledger holds: every figure that is kept twice, compared. All of it in one state of the database."""

from enum import StrEnum

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Check(StrEnum):
    """What is compared."""

    SEQUENCE = "sequence"
    """Entries are numbered from 1 without a gap."""
    BALANCE = "balance"
    """The balance behind an entry is the sum of the amounts up to it."""
    GRANT = "grant"
    """A grant has one entry with its amount; between nothing and all of it remains, nothing once it is taken off."""
    REMAINING = "remaining"
    """What remains of all grants is the balance, or nothing when something is owed."""
    MONTHS = "months"
    """The charges of each month are what statements break down."""
    ROLLUPS = "rollups"
    """Charges and reratings are what the usage of the account's keys cost, by the day."""
    KEY_USAGE = "key_usage"
    """And what it cost by the key."""


class Difference(msgspec.Struct, frozen=True):
    """A figure that is not what it must be."""

    check: Check
    account_id: str
    where: str
    """Which entry, grant or month; empty: the account as a whole."""
    expected: int
    found: int


class Figures(msgspec.Struct, frozen=True):
    """What was looked at. Amounts are nano-dollars."""

    accounts: int
    entries: int
    balance: int
    charged: int
    used: int


_BROKEN = """
SELECT account_id, seq, number, balance, total FROM (
    SELECT account_id, seq, balance, row_number() OVER own AS number, sum(amount) OVER own AS total
    FROM ledger WHERE :account IS NULL OR account_id = :account
    WINDOW own AS (PARTITION BY account_id ORDER BY seq)
)
WHERE seq <> number OR balance <> total
ORDER BY account_id, seq LIMIT :limit
"""
_GRANTS = """
SELECT id, account_id, amount, remaining FROM grants WHERE :account IS NULL OR account_id = :account
"""
_OF_GRANTS = """
SELECT account_id, grant_id, sum(max(amount, 0)), sum(amount <= 0) FROM ledger
WHERE kind <> 'charge' AND grant_id <> '' AND (:account IS NULL OR account_id = :account)
GROUP BY account_id, grant_id
"""
_REMAINING = """
SELECT l.account_id, max(0, l.balance), coalesce((SELECT sum(remaining) FROM grants g WHERE g.account_id = l.account_id), 0)
FROM ledger l
WHERE l.seq = (SELECT max(seq) FROM ledger x WHERE x.account_id = l.account_id)
    AND (:account IS NULL OR l.account_id = :account)
"""
_BY_MONTH = """
SELECT account_id, month, -sum(amount) FROM ledger
WHERE kind = 'charge' AND (:account IS NULL OR account_id = :account) GROUP BY account_id, month
"""
_MONTHLY = """
SELECT account_id, month, sum(cost_nano_usd) FROM monthly_usage
WHERE :account IS NULL OR account_id = :account GROUP BY account_id, month HAVING sum(cost_nano_usd) <> 0
"""
_CHARGED = """
SELECT account_id, '', -sum(amount) FROM ledger
WHERE kind IN ('charge', 'rerate') AND (:account IS NULL OR account_id = :account) GROUP BY account_id
"""
_USED = """
SELECT p.account_id, '', sum(u.cost_nano_usd) FROM {table} u
JOIN keys k ON k.id = u.key_id JOIN projects p ON p.id = k.project_id
WHERE (:account IS NULL OR p.account_id = :account) {only}
GROUP BY p.account_id
"""
_ROLLUPS = _USED.format(
    table="(SELECT s.key_id, r.period, r.cost_nano_usd FROM rollups r JOIN series s ON s.id = r.series_id)",
    only="AND u.period = 'day'",
)
_KEY_USAGE = _USED.format(table="key_usage", only="")
_FIGURES = """
SELECT count(DISTINCT account_id), count(*), coalesce(sum(amount), 0),
    -coalesce(sum(iif(kind IN ('charge', 'rerate'), amount, 0)), 0)
FROM ledger WHERE :account IS NULL OR account_id = :account
"""


async def differences(connection: AsyncConnection, account_id: str | None, *, limit: int) -> list[Difference]:
    """Return up to ``limit`` figures that are not what they must be; of all accounts, or of one."""
    found = [
        *await _broken(connection, account_id, limit),
        *await _grants(connection, account_id),
        *await _remaining(connection, account_id),
    ]
    charged = await _figures(connection, _CHARGED, account_id)
    for check, left, right in (
        (Check.MONTHS, await _figures(connection, _BY_MONTH, account_id), _MONTHLY),
        (Check.ROLLUPS, charged, _ROLLUPS),
        (Check.KEY_USAGE, charged, _KEY_USAGE),
    ):
        used = await _figures(connection, right, account_id)
        found += [
            Difference(check, *subject, expected=used.get(subject, 0), found=left.get(subject, 0))
            for subject in sorted(left.keys() | used.keys())
            if used.get(subject, 0) != left.get(subject, 0)
        ]
    return found[:limit]


async def figures(connection: AsyncConnection, account_id: str | None) -> Figures:
    """Return what there is to look at; of all accounts, or of one."""
    row = (await connection.execute(text(_FIGURES), {"account": account_id})).one()
    used = await _figures(connection, _ROLLUPS, account_id)
    accounts, entries, balance, charged = row
    return Figures(accounts, entries, balance, charged, used=sum(used.values()))


async def _broken(connection: AsyncConnection, account_id: str | None, limit: int) -> list[Difference]:
    rows = await connection.execute(text(_BROKEN), {"account": account_id, "limit": limit})
    found = []
    for owner, seq, number, balance, total in rows:
        if seq != number:
            found.append(Difference(Check.SEQUENCE, owner, str(seq), number, seq))
        if balance != total:
            found.append(Difference(Check.BALANCE, owner, str(seq), total, balance))
    return found


async def _grants(connection: AsyncConnection, account_id: str | None) -> list[Difference]:
    only = {"account": account_id}
    entries = {
        (owner, grant_id): (given, ended)
        for owner, grant_id, given, ended in await connection.execute(text(_OF_GRANTS), only)
    }
    found = []
    for grant_id, owner, amount, remaining in await connection.execute(text(_GRANTS), only):
        given, ended = entries.pop((owner, grant_id), (0, 0))
        if given != amount:
            found.append(Difference(Check.GRANT, owner, grant_id, amount, given))
        most = 0 if ended else amount
        if not 0 <= remaining <= most:
            found.append(Difference(Check.GRANT, owner, grant_id, min(max(remaining, 0), most), remaining))
    found += [
        Difference(Check.GRANT, owner, grant_id, 0, given)
        for (owner, grant_id), (given, _) in sorted(entries.items())
    ]
    return found


async def _remaining(connection: AsyncConnection, account_id: str | None) -> list[Difference]:
    rows = await connection.execute(text(_REMAINING), {"account": account_id})
    return [
        Difference(Check.REMAINING, owner, "", expected, found)
        for owner, expected, found in rows
        if expected != found
    ]


async def _figures(
    connection: AsyncConnection, statement: str, account_id: str | None
) -> dict[tuple[str, str], int]:
    rows = await connection.execute(text(statement), {"account": account_id})
    return {(owner, where): amount for owner, where, amount in rows}
