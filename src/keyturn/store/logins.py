"""Queries for what people sign in with, and for links that lead them in once."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import links, logins
from keyturn.store.tables import users


class StoredLogin(msgspec.Struct, frozen=True):
    """How a user signs in. Times are milliseconds since 1970 UTC."""

    user_id: str
    role: str
    """``domain.roles.Role``."""
    password_hash: str = ""
    """Argon2id; empty: none was set."""
    password_set_at: int | None = None
    totp_sealed: bytes | None = None
    totp_confirmed_at: int | None = None
    """A code is asked for since then; ``None``: it is not."""
    totp_step: int = 0
    email_verified_at: int | None = None
    terms_accepted_at: int | None = None
    created_at: int = 0
    last_sign_in_at: int | None = None


class StoredLink(msgspec.Struct, frozen=True):
    """A link that works once. Times are milliseconds since 1970 UTC."""

    token_hash: bytes
    purpose: str
    """``setup``, ``invite``, ``verify`` or ``reset``."""
    user_id: str
    """Whom it is for; empty: for the node's first owner, who is not there yet."""
    created_at: int
    expires_at: int
    used_at: int | None
    created_by: str


async def add(connection: AsyncConnection, login: StoredLogin) -> None:
    """Store how a user signs in; there must be nothing yet."""
    await connection.execute(insert(logins).values(msgspec.structs.asdict(login)))


async def get(connection: AsyncConnection, user_id: str) -> StoredLogin | None:
    """Return how a user signs in, where they can."""
    row = (await connection.execute(select(logins).where(logins.c.user_id == user_id))).first()
    return None if row is None else StoredLogin(*row)


async def change(connection: AsyncConnection, user_id: str, values: Mapping[str, object]) -> None:
    """Change columns of a login."""
    await connection.execute(update(logins).where(logins.c.user_id == user_id).values(dict(values)))


async def with_role(connection: AsyncConnection, account_id: str, role: str) -> list[str]:
    """Return the users of an account who have this role, suspended ones included."""
    query = (
        select(logins.c.user_id)
        .join(users, users.c.id == logins.c.user_id)
        .where(users.c.account_id == account_id, users.c.deleted_at.is_(None), logins.c.role == role)
        .order_by(logins.c.user_id)
    )
    return list(await connection.scalars(query))


async def add_link(connection: AsyncConnection, link: StoredLink) -> None:
    """Store a link."""
    await connection.execute(insert(links).values(msgspec.structs.asdict(link)))


async def link(connection: AsyncConnection, token_hash: bytes) -> StoredLink | None:
    """Return a link, used or not, over or not."""
    row = (await connection.execute(select(links).where(links.c.token_hash == token_hash))).first()
    return None if row is None else StoredLink(*row)


async def use_link(connection: AsyncConnection, token_hash: bytes, *, now_ms: int) -> None:
    """Note that a link was used."""
    await connection.execute(update(links).where(links.c.token_hash == token_hash).values(used_at=now_ms))


async def drop_links(connection: AsyncConnection, purpose: str, user_id: str) -> None:
    """Take away the links of a kind that a user has: the newest one is to be the only one."""
    await connection.execute(delete(links).where(links.c.purpose == purpose, links.c.user_id == user_id))
