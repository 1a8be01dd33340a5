"""Queries for keys and their secrets."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, ScalarSelect, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.domain.keys import OVERLAP_HOURS, SecretLife, Status
from keyturn.domain.limits import NO_LIMITS
from keyturn.store import key_search
from keyturn.store.tables import accounts, keys, projects, secrets


class StoredKey(msgspec.Struct, frozen=True):
    """A key as it is kept. Times are milliseconds since 1970 UTC; lists are separated by spaces."""

    id: str
    project_id: str
    name: str
    description: str
    kind: str
    preset: str
    """Empty when the permissions were listed one by one."""
    permissions: str
    """Sorted."""
    enabled: bool
    revoked_at: int | None
    expires_at: int | None
    deleted_at: int | None
    created_at: int
    created_by: str
    version: int
    user_id: str | None = None
    """Whose personal key it is; ``None``: a service key of its project."""
    environment: str = ""
    not_before: int | None = None
    models: str = ""
    endpoints: str = ""
    ip: str = ""
    origins: str = ""
    locations: str | None = None
    """Where it may be presented; ``None``: as its project says."""
    recoverable: bool = False
    decoy: bool = False
    delete_protected: bool = False
    rotate_every_days: int | None = None
    overlap_hours: int = OVERLAP_HOURS
    next_rotation_at: int | None = None
    self_rotation: bool = False
    sealing_key: bytes | None = None
    sink: str = ""
    frozen_at: int | None = None
    tags: str = ""
    metadata: str = "{}"
    limits: str = NO_LIMITS
    """``domain.limits`` as JSON."""
    case_id: str = ""
    """The event that says why it is frozen."""


class StoredSecret(msgspec.Struct, frozen=True):
    """A secret's verifier and what may be shown of it. Times are milliseconds since 1970 UTC."""

    id: str
    key_id: str
    verifier: bytes
    binding: bytes
    pepper_id: str
    display: str
    created_at: int
    activated_at: int | None
    """``None``: pending, nobody has used it."""
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    last_address: str = ""
    sealed: bytes | None = None
    overlap_hours: int | None = None
    """Of the secrets before it, from its first use; ``None``: as the key says."""

    def life(self) -> SecretLife:
        """Return what its state is derived from."""
        return SecretLife(self.activated_at, self.expires_at, self.revoked_at)


class KeyFilter(msgspec.Struct, frozen=True):
    """Which keys to list; empty members do not narrow."""

    status: Status | None = None
    quarantined: bool | None = None
    """Only those that are, or are not."""
    search: str = ""
    """Part of the name or description, in any ASCII case; the beginning of a display; or the whole identifier."""
    account_id: str = ""
    project_id: str = ""
    user_id: str = ""
    environment: str = ""
    tag: str = ""
    kind: str = ""
    deleted: bool = False
    """Only deleted keys, instead of all others."""


class Owner(msgspec.Struct, frozen=True):
    """Whose the keys of a project are."""

    project_id: str
    account_id: str
    policy: str
    """Of the project: ``domain.policies.ProjectPolicy`` as JSON."""
    first_account: bool
    """The account is the operator's own."""


async def add(connection: AsyncConnection, key: StoredKey, secret: StoredSecret) -> None:
    """Store a new key with its first secret."""
    await connection.execute(insert(keys).values(msgspec.structs.asdict(key)))
    await connection.execute(insert(secrets).values(msgspec.structs.asdict(secret)))


async def add_all(connection: AsyncConnection, new: Sequence[tuple[StoredKey, StoredSecret]]) -> None:
    """Store new keys, each with its first secret."""
    if new:
        await connection.execute(insert(keys), [msgspec.structs.asdict(key) for key, _ in new])
        await connection.execute(insert(secrets), [msgspec.structs.asdict(secret) for _, secret in new])


async def verifiers_known(connection: AsyncConnection, verifiers: Sequence[bytes]) -> set[bytes]:
    """Return those of these verifiers that a secret has."""
    query = select(secrets.c.verifier).where(secrets.c.verifier.in_(verifiers))
    return set(await connection.scalars(query))


async def find(
    connection: AsyncConnection, verifiers: Sequence[bytes]
) -> tuple[StoredKey, StoredSecret] | None:
    """Return the key, be it deleted, that has a secret with one of these verifiers."""
    query = (
        select(secrets, keys)
        .join(keys, keys.c.id == secrets.c.key_id)
        .where(secrets.c.verifier.in_(verifiers))
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    split = len(secrets.c)
    return StoredKey(*row[split:]), StoredSecret(*row[:split])


async def get(connection: AsyncConnection, key_id: str) -> StoredKey | None:
    """Return a key that is not deleted."""
    query = select(keys).where(keys.c.id == key_id, keys.c.deleted_at.is_(None))
    row = (await connection.execute(query)).first()
    return None if row is None else StoredKey(*row)


async def deleted(connection: AsyncConnection, id_or_name: str, *, since_ms: int = 0) -> list[StoredKey]:
    """Return the keys with this identifier or name that were deleted at ``since_ms`` or later, oldest first."""
    asked = or_(keys.c.id == id_or_name, keys.c.name == id_or_name)
    query = select(keys).where(asked, keys.c.deleted_at >= since_ms).order_by(keys.c.id)
    return [StoredKey(*row) for row in await connection.execute(query)]


async def named(
    connection: AsyncConnection, name: str, *, account_id: str = "", project_id: str = "", user_id: str = ""
) -> list[StoredKey]:
    """Return the keys with exactly this name that are not deleted, oldest first.

    Args:
        connection: Where.
        name: What they are called.
        account_id: Only keys of this account; empty: of all.
        project_id: Only keys of this project; empty: of all.
        user_id: Only personal keys of this user; empty: all.
    """
    query = select(keys).where(keys.c.name == name, keys.c.deleted_at.is_(None)).order_by(keys.c.id)
    if account_id:
        query = query.where(_of_account(account_id))
    if project_id:
        query = query.where(keys.c.project_id == project_id)
    if user_id:
        query = query.where(keys.c.user_id == user_id)
    return [StoredKey(*row) for row in await connection.execute(query)]


async def owners(connection: AsyncConnection, project_ids: Iterable[str]) -> dict[str, Owner]:
    """Return whose the keys of these projects are, deleted projects too."""
    query = (
        select(
            projects.c.id,
            accounts.c.id,
            projects.c.policy,
            (accounts.c.id == _first_account()).label("first"),
        )
        .join(accounts, accounts.c.id == projects.c.account_id)
        .where(projects.c.id.in_(sorted(set(project_ids))))
    )
    found = [Owner(row[0], row[1], row[2], bool(row[3])) for row in await connection.execute(query)]
    return {owner.project_id: owner for owner in found}


async def page(
    connection: AsyncConnection, wanted: KeyFilter, *, before: str | None, limit: int, now_ms: int
) -> list[StoredKey]:
    """Return up to ``limit`` keys, newest first, from behind the key ``before``."""
    # Everything asked for stands in one index; only what is found is read from the table.
    narrowed = _conditions(wanted, now_ms)
    if wanted.search:
        narrowed += await key_search.conditions(connection, wanted.search)
    picked = select(keys.c.id).where(*narrowed).order_by(keys.c.id.desc()).limit(limit)
    if before is not None:
        picked = picked.where(keys.c.id < before)
    key_ids = (await connection.scalars(picked)).all()
    query = select(keys).where(keys.c.id.in_(key_ids)).order_by(keys.c.id.desc())
    return [StoredKey(*row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, key_id: str, values: dict[str, object]) -> None:
    """Change columns of a key; its version goes up by one."""
    await connection.execute(
        update(keys).where(keys.c.id == key_id).values(values | {"version": keys.c.version + 1})
    )


async def end_secret(connection: AsyncConnection, secret_id: str, *, now_ms: int) -> bool:
    """End one secret of a key for good, and destroy what is kept of its text; return whether it was not ended before."""
    alive = update(secrets).where(secrets.c.id == secret_id, secrets.c.revoked_at.is_(None))
    ended = await connection.execute(alive.values(revoked_at=now_ms, sealed=None))
    return ended.rowcount > 0


async def forget_text(connection: AsyncConnection, key_id: str) -> None:
    """Destroy what is kept of the text of a recoverable key's secrets."""
    await connection.execute(update(secrets).where(secrets.c.key_id == key_id).values(sealed=None))


async def secrets_of(connection: AsyncConnection, key_ids: Sequence[str]) -> dict[str, list[StoredSecret]]:
    """Return the secrets of these keys by key, oldest first."""
    found: dict[str, list[StoredSecret]] = {key_id: [] for key_id in key_ids}
    query = select(secrets).where(secrets.c.key_id.in_(key_ids)).order_by(secrets.c.id)
    for row in await connection.execute(query):
        secret = StoredSecret(*row)
        found[secret.key_id].append(secret)
    return found


async def held(connection: AsyncConnection, user_id: str, key_ids: Iterable[str]) -> set[str]:
    """Return which of these keys, deleted or not, are this user's own."""
    own = set(await connection.scalars(select(keys.c.id).where(keys.c.user_id == user_id)))
    return own.intersection(key_ids)


async def peppers(connection: AsyncConnection) -> set[str]:
    """Return the names of the peppers that stored verifiers were made with."""
    return set(await connection.scalars(select(secrets.c.pepper_id).distinct()))


def _conditions(wanted: KeyFilter, now_ms: int) -> list[ColumnElement[bool]]:
    exact = (
        (keys.c.project_id, wanted.project_id),
        (keys.c.user_id, wanted.user_id),
        (keys.c.environment, wanted.environment),
        (keys.c.kind, wanted.kind),
    )
    found = [column == value for column, value in exact if value]
    found.append(keys.c.deleted_at.is_not(None) if wanted.deleted else keys.c.deleted_at.is_(None))
    if wanted.status is not None:
        found.append(_has_status(wanted.status, now_ms))
    if wanted.quarantined is not None:
        frozen = keys.c.frozen_at
        found.append(frozen.is_not(None) if wanted.quarantined else frozen.is_(None))
    if wanted.account_id:
        found.append(_of_account(wanted.account_id))
    if wanted.tag:
        # The first condition is cheap and rules out nearly all, the second one is exact.
        found.append(func.instr(keys.c.tags, wanted.tag) > 0)
        found.append(func.instr(" " + keys.c.tags + " ", f" {wanted.tag} ") > 0)
    return found


def _of_account(account_id: str) -> ColumnElement[bool]:
    return keys.c.project_id.in_(select(projects.c.id).where(projects.c.account_id == account_id))


def _first_account() -> ScalarSelect[str]:
    return select(func.min(accounts.c.id)).scalar_subquery()


def _has_status(status: Status, now_ms: int) -> ColumnElement[bool]:
    expired = and_(keys.c.expires_at.is_not(None), keys.c.expires_at <= now_ms)
    unrevoked = keys.c.revoked_at.is_(None)
    live = and_(unrevoked, or_(keys.c.expires_at.is_(None), keys.c.expires_at > now_ms))
    return {
        Status.REVOKED: keys.c.revoked_at.is_not(None),
        Status.EXPIRED: and_(expired, unrevoked),
        Status.ACTIVE: and_(live, keys.c.enabled.is_(True)),
        Status.DISABLED: and_(live, keys.c.enabled.is_(False)),
    }[status]
