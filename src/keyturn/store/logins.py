"""Queries for what people sign in with, and for links that lead them in once."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.people_tables import identities, links, logins, passkeys, recovery_codes
from keyturn.store.tables import users

UNPROVED = 0
"""In the place of when somebody has shown that an address is theirs: they are let in all the same, because whoever
runs their account vouches for them, or because they came in before they had this address."""


NO_APP: Mapping[str, object] = {"totp_sealed": None, "totp_confirmed_at": None, "totp_step": 0}
"""The columns of somebody who has no app for codes."""


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
    """``None``: they have to show first that the address is theirs; ``UNPROVED``: they have not, and may come in."""
    terms_accepted_at: int | None = None
    created_at: int = 0
    last_sign_in_at: int | None = None

    @property
    def able(self) -> bool:
        """Say whether they have what they sign in with; otherwise they were only invited."""
        return bool(self.password_hash) or self.last_sign_in_at is not None

    @property
    def address_proved(self) -> bool:
        """Say whether they have shown that they read what is sent to their address."""
        return bool(self.email_verified_at)


class Standing(msgspec.Struct, frozen=True):
    """What may be shown of how a user signs in. Times are milliseconds since 1970 UTC."""

    role: str
    two_factor: bool
    last_sign_in_at: int | None
    able: bool
    """They have what they sign in with; otherwise they were only invited."""
    invited_until: int | None
    """Until when an invitation works that nobody has taken."""
    passkeys: int = 0
    """How many they have."""
    waits: bool = False
    """They have signed up, and have to show that the address is theirs before they come in."""


class StoredLink(msgspec.Struct, frozen=True):
    """A link that works once. Times are milliseconds since 1970 UTC."""

    token_hash: bytes
    purpose: str
    """``setup``, ``invite``, ``invite by letter``, ``verify`` or ``reset``."""
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


async def able_owners(connection: AsyncConnection, account_id: str) -> list[str]:
    """Return the owners of an account who can sign in: not suspended, and no more only invited."""
    query = (
        select(logins.c.user_id)
        .join(users, users.c.id == logins.c.user_id)
        .where(
            users.c.account_id == account_id,
            users.c.deleted_at.is_(None),
            users.c.suspended_at.is_(None),
            logins.c.role == "owner",
            or_(logins.c.password_hash != "", logins.c.last_sign_in_at.is_not(None)),
        )
        .order_by(logins.c.user_id)
    )
    return list(await connection.scalars(query))


async def standings(
    connection: AsyncConnection, user_ids: Sequence[str], *, now_ms: int
) -> dict[str, Standing]:
    """Return how those of these users stand who may sign in, or are invited to."""
    invited = (
        select(links.c.user_id, func.max(links.c.expires_at).label("until"))
        .where(
            links.c.purpose == "invite",
            links.c.used_at.is_(None),
            links.c.expires_at > now_ms,
            links.c.user_id.in_(user_ids),
        )
        .group_by(links.c.user_id)
        .subquery()
    )
    held = select(func.count()).where(passkeys.c.user_id == logins.c.user_id).scalar_subquery()
    query = (
        select(
            logins.c.user_id,
            logins.c.role,
            logins.c.totp_confirmed_at.is_not(None),
            logins.c.last_sign_in_at,
            or_(logins.c.password_hash != "", logins.c.last_sign_in_at.is_not(None)),
            invited.c.until,
            held,
            and_(logins.c.password_hash != "", logins.c.email_verified_at.is_(None)),
        )
        .outerjoin(invited, invited.c.user_id == logins.c.user_id)
        .where(logins.c.user_id.in_(user_ids))
    )
    return {row[0]: Standing(*row[1:]) for row in await connection.execute(query)}


async def drop(connection: AsyncConnection, user_id: str) -> None:
    """Take away everything with which a user signs in, or could come in by a link."""
    for table in (links, identities, passkeys, recovery_codes, logins):
        await connection.execute(delete(table).where(table.c.user_id == user_id))


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


async def drop_all_links(connection: AsyncConnection, user_id: str) -> None:
    """Take away all links that a user has: whoever reads them is somebody else now."""
    await connection.execute(delete(links).where(links.c.user_id == user_id))


async def drop_old_links(connection: AsyncConnection, *, expired_before_ms: int) -> None:
    """Take away links whose time has been over for long."""
    await connection.execute(delete(links).where(links.c.expires_at < expired_before_ms))
