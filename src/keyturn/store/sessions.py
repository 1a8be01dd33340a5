"""Queries for the sessions of people who have signed in."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import logins, sessions
from keyturn.store.tables import accounts, users


class StoredSession(msgspec.Struct, frozen=True):
    """A session. Times are milliseconds since 1970 UTC."""

    id: str
    token_hash: bytes
    user_id: str
    csrf: str
    """What forms must carry."""
    created_at: int
    last_seen_at: int
    proved_at: int
    """When whoever has it last showed that it is them."""
    address: str
    agent: str


class SignedIn(msgspec.Struct, frozen=True):
    """A session and whose it is, in one look."""

    session: StoredSession
    account_id: str
    account_name: str
    email: str
    name: str
    role: str
    time_zone: str
    """Of the account."""
    active: bool
    """Neither the person nor their account is suspended or deleted."""


# Put together once: every page asks it, and that takes longer than the answer.
_SIGNED_IN = (
    select(
        sessions,
        users.c.account_id,
        accounts.c.name,
        users.c.email,
        users.c.name,
        logins.c.role,
        accounts.c.time_zone,
        users.c.deleted_at.is_(None)
        & users.c.suspended_at.is_(None)
        & accounts.c.deleted_at.is_(None)
        & accounts.c.suspended_at.is_(None),
    )
    .join(users, users.c.id == sessions.c.user_id)
    .join(logins, logins.c.user_id == users.c.id)
    .join(accounts, accounts.c.id == users.c.account_id)
    .where(sessions.c.token_hash.in_(bindparam("hashes", expanding=True)))
)


async def add(connection: AsyncConnection, session: StoredSession) -> None:
    """Store a new session."""
    await connection.execute(insert(sessions).values(msgspec.structs.asdict(session)))


async def with_token(connection: AsyncConnection, token_hash: bytes) -> SignedIn | None:
    """Return the session that has this token."""
    return (await with_tokens(connection, [token_hash])).get(token_hash)


async def with_tokens(connection: AsyncConnection, token_hashes: Sequence[bytes]) -> dict[bytes, SignedIn]:
    """Return the sessions that have these tokens, by what is kept of the token."""
    split, found = len(sessions.c), {}
    for row in await connection.execute(_SIGNED_IN, {"hashes": token_hashes}):
        values = tuple(row)
        session = StoredSession(*values[:split])
        found[session.token_hash] = SignedIn(session, *values[split:])
    return found


async def of_user(connection: AsyncConnection, user_id: str) -> list[StoredSession]:
    """Return a user's sessions, the one that was seen last first."""
    query = select(sessions).where(sessions.c.user_id == user_id).order_by(sessions.c.last_seen_at.desc())
    return [StoredSession(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, session_id: str, values: dict[str, object]) -> None:
    """Change columns of a session."""
    await connection.execute(update(sessions).where(sessions.c.id == session_id).values(values))


async def end(connection: AsyncConnection, session_id: str) -> None:
    """End a session."""
    await connection.execute(delete(sessions).where(sessions.c.id == session_id))


async def end_all(connection: AsyncConnection, user_id: str, *, but: str = "") -> None:
    """End all sessions of a user, but one perhaps."""
    await connection.execute(delete(sessions).where(sessions.c.user_id == user_id, sessions.c.id != but))


async def end_old(connection: AsyncConnection, *, seen_before_ms: int, made_before_ms: int) -> None:
    """Take away sessions that are over: nobody used them for too long, or they have lasted long enough."""
    query = delete(sessions).where(
        (sessions.c.last_seen_at < seen_before_ms) | (sessions.c.created_at < made_before_ms)
    )
    await connection.execute(query)
