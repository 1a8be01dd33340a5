"""What is written to the ledger, and read to write it.

``charge`` runs in the transaction of every batch that ingest stores, so that what was charged is what was used,
whatever dies. Like the statements of ``store.journals`` beside it, these are text with plain tuples.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.ledger import Book, EntryKind, Grant, GrantSource, Posting
from keyturn.domain.months import end_of, month_of, start_of

INGEST, RERATING = "ingest", "rerate"
"""Who writes what no person has asked for."""

RollupRow = tuple[Any, ...]
"""``store.journals.RollupRow``; what stands up to the cost is read."""

_MINUTE_S = 60
_OWNERS = """
SELECT k.id, p.account_id, a.time_zone
FROM json_each(?) j CROSS JOIN keys k ON k.id = j.value
CROSS JOIN projects p ON p.id = k.project_id CROSS JOIN accounts a ON a.id = p.account_id
"""
_ENDS = """
SELECT a.id, a.time_zone, coalesce(l.seq, 0), coalesce(l.balance, 0)
FROM json_each(?) j CROSS JOIN accounts a ON a.id = j.value
LEFT JOIN ledger l ON l.account_id = a.id AND l.seq = (SELECT max(seq) FROM ledger WHERE account_id = a.id)
"""
_OPEN = """
SELECT g.id, g.account_id, g.source, g.amount, g.remaining, g.created_at, g.expires_at, g.note
FROM json_each(?) j CROSS JOIN grants g ON g.account_id = j.value AND g.remaining > 0
"""
_ENTRIES = """
INSERT INTO ledger (account_id, seq, at, month, kind, amount, balance, grant_id, requests, note, actor, reference)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_GRANTS = """
INSERT INTO grants (id, account_id, source, amount, remaining, created_at, expires_at, note)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_REMAINING = "UPDATE grants SET remaining = ? WHERE id = ?"
_MONTHLY = """
INSERT INTO monthly_usage (account_id, month, key_id, model, requests, input_tokens, output_tokens, cost_nano_usd)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id, month, key_id, model) DO UPDATE SET
    requests = requests + excluded.requests,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd
"""


class _Used:
    """What the rows of a batch come to."""

    def __init__(self, owners: Mapping[str, tuple[str, str]]) -> None:
        self.lines: dict[tuple[str, str, str], list[int]] = {}
        """Month, key, model → requests, input and output tokens, nano-dollars; the last minute in seconds since 1970 UTC."""
        self._owners = owners
        self._months: dict[str, list[tuple[int, int, str]]] = {}
        """Time zone → the months seen so far: where each begins and ends, and its name. The last one used is the last."""

    def add(self, rows: Iterable[RollupRow]) -> None:
        """Take in rows; their keys are often as many, so that this is much of what ingest does."""
        owners, months, lines = self._owners, self._months, self.lines
        for minute, (key_id, model, *_), requests, input_tokens, output_tokens, _, _, cost, *_ in rows:
            owner = owners.get(key_id)
            if owner is None:
                continue
            try:
                start, end, month = months[owner[1]][-1]
            except KeyError:
                start, end, month = 0, 0, ""
            if not start <= minute < end:
                month = self._month(minute, owner[1])
            line = lines.get((month, key_id, model))
            if line is None:
                lines[month, key_id, model] = [requests, input_tokens, output_tokens, cost, minute]
                continue
            line[0] += requests
            line[1] += input_tokens
            line[2] += output_tokens
            line[3] += cost
            line[4] = max(line[4], minute)

    def rows(self) -> list[tuple[str, str, str, str, int, int, int, int]]:
        """Return what is added to ``monthly_usage``, in the order of its key."""
        return sorted(
            (self._owners[key_id][0], month, key_id, model, *sums[:4])  # type: ignore[misc]  # four of them
            for (month, key_id, model), sums in self.lines.items()
        )

    def charges(self) -> dict[tuple[str, str], list[int]]:
        """Return by account and month: nano-dollars, requests, the last minute in seconds since 1970 UTC."""
        found: dict[tuple[str, str], list[int]] = {}
        for (month, key_id, _), (requests, _, _, cost, minute) in self.lines.items():
            sums = found.setdefault((self._owners[key_id][0], month), [0, 0, 0])
            sums[0] += cost
            sums[1] += requests
            sums[2] = max(sums[2], minute)
        return found

    def _month(self, minute: int, zone: str) -> str:
        known = self._months.setdefault(zone, [])
        found = next((one for one in known if one[0] <= minute < one[1]), None)
        if found is None:
            month = month_of(minute, zone)
            found = start_of(month, zone), end_of(month, zone), month
        else:
            known.remove(found)
        known.append(found)
        return found[2]


async def charge(connection: AsyncConnection, rollups: Sequence[RollupRow], now_ms: int) -> None:
    """Charge accounts for what ingest is about to store; keys that belong to no account are in no ledger.

    Args:
        connection: That of the transaction with the usage itself.
        rollups: What the batch adds up to, by the minute.
        now_ms: Milliseconds since 1970 UTC.
    """
    if not rollups:
        return
    used = _Used(await _owners(connection, {row[1][0] for row in rollups}))
    used.add(rollups)
    if used.lines:
        await connection.exec_driver_sql(_MONTHLY, used.rows())
    due = {subject: charge for subject, charge in used.charges().items() if charge[0] > 0}
    if not due:
        return
    opened = await books(connection, {account_id for account_id, _ in due})
    for (account_id, _), (cost, requests, minute) in sorted(due.items()):
        at, book = min(now_ms, (minute + _MINUTE_S) * 1000 - 1), opened[account_id]
        if book.open:
            book.expire(Posting(at, INGEST))
        book.charge(cost, Posting(at, INGEST, requests=requests))
    await write(connection, opened.values())


async def available(connection: AsyncConnection, account_id: str, now_ms: int) -> int:
    """Return what an account may use, in nano-dollars: what remains of unexpired grants, less what is owed."""
    opened = await books(connection, [account_id])
    return opened[account_id].available(now_ms) if account_id in opened else 0


async def available_of(
    connection: AsyncConnection, account_ids: Iterable[str], now_ms: int
) -> dict[str, int]:
    """Return what each of these accounts may use, in nano-dollars."""
    opened = await books(connection, account_ids)
    return {account_id: book.available(now_ms) for account_id, book in opened.items()}


async def adjust_for_rerate(
    connection: AsyncConnection, diffs: Mapping[str, int], *, at_ms: int, reference: str
) -> None:
    """Charge the difference where usage was priced anew.

    Args:
        connection: That of the transaction in which the usage changes.
        diffs: Account → by how much more its usage costs now, in nano-dollars; negative: it costs less, and the
            account gets the difference as credit that does not expire.
        at_ms: Milliseconds since 1970 UTC.
        reference: Names this rerating; it can't be stored twice.

    Raises:
        IntegrityError: An account has been rerated under this reference.
    """
    opened = await books(connection, diffs)
    posting = Posting(at_ms, RERATING, "Usage priced anew", reference)
    for account_id, book in opened.items():
        diff = diffs[account_id]
        book.expire(Posting(at_ms, RERATING))
        if diff > 0:
            book.charge(diff, posting, EntryKind.RERATE)
        elif diff < 0:
            book.grant(
                new_grant(account_id, GrantSource.ADJUSTMENT, -diff, posting), posting, EntryKind.RERATE
            )
    await write(connection, opened.values())


def new_grant(
    account_id: str, source: GrantSource, amount: int, posting: Posting, *, expires_at: int | None = None
) -> Grant:
    """Return a grant that nothing was taken from yet, with an identifier of its own."""
    grant_id = system.new_id(ids.GRANT)
    return Grant(grant_id, account_id, source, amount, amount, posting.at, expires_at, posting.note)


async def books(connection: AsyncConnection, account_ids: Iterable[str]) -> dict[str, Book]:
    """Open the ledgers of accounts; one that there is not is left out."""
    wanted = msgspec.json.encode(sorted(set(account_ids))).decode()
    grants: dict[str, list[Grant]] = {}
    for row in await _rows(connection, _OPEN, wanted):
        grants.setdefault(row[1], []).append(_grant(*row))
    return {
        account_id: Book(account_id, zone=zone, seq=seq, balance=balance, grants=grants.get(account_id, ()))
        for account_id, zone, seq, balance in await _rows(connection, _ENDS, wanted)
    }


async def write(connection: AsyncConnection, written: Iterable[Book]) -> None:
    """Store what was added to ledgers.

    Raises:
        IntegrityError: A reference is there already.
    """
    entries, granted, changed = [], [], []
    for book in written:
        entries += [msgspec.structs.astuple(entry) for entry in book.entries]
        granted += [msgspec.structs.astuple(grant) for grant in book.granted]
        changed += [(left, grant_id) for grant_id, left in book.remaining_changed().items()]
    for statement, rows in ((_GRANTS, granted), (_REMAINING, changed), (_ENTRIES, entries)):
        if rows:
            await connection.exec_driver_sql(statement, rows)


def _grant(grant_id: str, account_id: str, source: str, *figures: Any) -> Grant:  # noqa: ANN401 -- the columns in their order
    return Grant(grant_id, account_id, GrantSource(source), *figures)


async def _owners(connection: AsyncConnection, key_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    wanted = msgspec.json.encode(list(key_ids)).decode()
    found = await _rows(connection, _OWNERS, wanted)
    return {key_id: (account_id, zone) for key_id, account_id, zone in found}


async def _rows(connection: AsyncConnection, statement: str, wanted: str) -> Sequence[Sequence[Any]]:
    return (await connection.exec_driver_sql(statement, (wanted,))).all()
