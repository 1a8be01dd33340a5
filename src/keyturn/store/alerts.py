"""Queries for alerts: what has been said of whom, who wants to hear what, and what somebody has seen to."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.alert_tables import alert_rules, throttled_keys
from keyturn.store.events import StoredEvent
from keyturn.store.tables import accounts, audit, events, keys, projects, reminders

QUARANTINED = "key.quarantine"
"""In the audit log."""


class Whose(msgspec.Struct, frozen=True):
    """Where an owner of limits belongs; members are empty where it is something wider."""

    account_id: str
    project_id: str = ""
    key_id: str = ""


async def say(
    connection: AsyncConnection,
    owner_id: str,
    subject: str,
    now_ms: int,
    *,
    again_after_ms: int | None = None,
) -> bool:
    """Note that something is said; ``False``: it was, and not long enough ago to be said again.

    Args:
        connection: A writing one.
        owner_id: Of whom.
        subject: What.
        now_ms: Milliseconds since 1970 UTC.
        again_after_ms: How long to be silent; ``None``: for ever.
    """
    statement = insert(reminders).values(key_id=owner_id, subject=subject, sent_at=now_ms)
    if again_after_ms is None:
        statement = statement.on_conflict_do_nothing()
    else:
        statement = statement.on_conflict_do_update(
            index_elements=[reminders.c.key_id, reminders.c.subject],
            set_={"sent_at": now_ms},
            where=reminders.c.sent_at <= now_ms - again_after_ms,
        )
    return (await connection.execute(statement)).rowcount == 1


async def said_at(connection: AsyncConnection, owner_id: str, subject: str) -> int | None:
    """Return when something was last said of an owner, in milliseconds since 1970 UTC; ``None``: never."""
    query = select(reminders.c.sent_at).where(reminders.c.key_id == owner_id, reminders.c.subject == subject)
    found: int | None = await connection.scalar(query)
    return found


async def whose(connection: AsyncConnection, owner_id: str) -> Whose | None:
    """Return where a key, project or account belongs, be it deleted; ``None``: there is no such owner."""
    key = (
        select(projects.c.account_id, keys.c.project_id, keys.c.id)
        .join(projects, projects.c.id == keys.c.project_id)
        .where(keys.c.id == owner_id)
    )
    project = select(projects.c.account_id, projects.c.id).where(projects.c.id == owner_id)
    account = select(accounts.c.id).where(accounts.c.id == owner_id)
    for query in (key, project, account):
        row = (await connection.execute(query)).first()
        if row is not None:
            return Whose(*row)
    return None


async def every_rule(connection: AsyncConnection) -> dict[str, tuple[int, ...]]:
    """Return the thresholds of every owner who has some of their own."""
    rows = await connection.execute(select(alert_rules.c.owner_id, alert_rules.c.thresholds))
    return {owner_id: msgspec.json.decode(text, type=tuple[int, ...]) for owner_id, text in rows}


async def set_rule(connection: AsyncConnection, owner_id: str, thresholds: Sequence[int]) -> None:
    """Set the thresholds of an owner."""
    text = msgspec.json.encode(thresholds).decode()
    statement = insert(alert_rules).values(owner_id=owner_id, thresholds=text)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[alert_rules.c.owner_id], set_={"thresholds": text})
    )


async def drop_rule(connection: AsyncConnection, owner_id: str) -> None:
    """Have an owner go by the node's settings again."""
    await connection.execute(delete(alert_rules).where(alert_rules.c.owner_id == owner_id))


async def get(connection: AsyncConnection, event_id: str) -> StoredEvent | None:
    """Return an event."""
    row = (await connection.execute(select(events).where(events.c.id == event_id))).first()
    return None if row is None else StoredEvent(*row)


async def acknowledge(connection: AsyncConnection, event_id: str, by: str, now_ms: int) -> None:
    """Note who has seen to an event."""
    values = {"acknowledged_at": now_ms, "acknowledged_by": by}
    await connection.execute(update(events).where(events.c.id == event_id).values(values))


async def first_key(connection: AsyncConnection) -> str | None:
    """Return the first key that there ever was: the operator's own."""
    found: str | None = await connection.scalar(select(func.min(keys.c.id)))
    return found


async def unfinished(connection: AsyncConnection, since_ms: int) -> list[tuple[str, str]]:
    """Return keys that were quarantined since then and whose event was not stored, with the entry of the audit log."""
    told = exists().where(events.c.id == keys.c.case_id)
    query = (
        select(audit.c.target, audit.c.after)
        .join(keys, keys.c.id == audit.c.target)
        .where(audit.c.action == QUARANTINED, keys.c.frozen_at > since_ms, keys.c.case_id != "", ~told)
    )
    return [(row[0], row[1]) for row in await connection.execute(query)]


async def note_throttle(connection: AsyncConnection, key_id: str, until_ms: int) -> None:
    """Note until when a key is throttled; the later time counts."""
    statement = insert(throttled_keys).values(key_id=key_id, until=until_ms)
    later = func.max(throttled_keys.c.until, statement.excluded.until)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[throttled_keys.c.key_id], set_={"until": later})
    )


async def throttles_over(connection: AsyncConnection, now_ms: int) -> list[str]:
    """Return the keys whose throttle has ended."""
    query = select(throttled_keys.c.key_id).where(throttled_keys.c.until <= now_ms)
    return list(await connection.scalars(query))


async def forget_throttle(connection: AsyncConnection, key_id: str) -> None:
    """Note that a key has no throttle any more."""
    await connection.execute(delete(throttled_keys).where(throttled_keys.c.key_id == key_id))
