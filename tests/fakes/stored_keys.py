"""Keys put straight into the database: of any age, in any project, used whenever a test wants."""

import msgspec
from sqlalchemy import insert

from keyturn import system
from keyturn.domain import ids, key_text, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.secret import Secret
from keyturn.services.lookup import Lookup
from keyturn.store import keys, tables
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.vault import Vault

BY_OPERATOR = Principal(OPERATOR)
DAY_MS = 86_400_000


def holder(
    account_id: str, project_id: str = "", *, permission: Permission = Permission.ADMIN, node: bool = False
) -> Principal:
    """Return who asks with a key of this account and project."""
    record = KeyRecord(
        "key_1",
        "k",
        Kind.MANAGEMENT,
        frozenset({permission}),
        account_id=account_id,
        project_id=project_id,
        node_wide=node,
    )
    return Principal(record.id, key=record)


class StoredKeys:
    """Puts keys into a database."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def put(
        self, project_id: str, *, name: str = "app", created_at: int | None = None, **members: object
    ) -> tuple[str, Secret]:
        """Store a key with one secret, both made at ``created_at``; return its identifier and the secret."""
        made_at = system.now_ms() if created_at is None else created_at
        plain = StoredKey(
            id=system.new_id(ids.KEY),
            project_id=project_id,
            name=name,
            description="",
            kind="secret",
            preset="",
            permissions="read",
            enabled=True,
            revoked_at=None,
            expires_at=None,
            deleted_at=None,
            created_at=made_at,
            created_by="test",
            version=1,
        )
        key = msgspec.structs.replace(plain, **members)
        secret, stored = self._secret(key.id, made_at)
        async with self._store.writing() as connection:
            await keys.add(connection, key, stored)
        return key.id, secret

    async def add_secret(self, key_id: str, *, created_at: int, sealed: bytes | None = None) -> None:
        """Give a key another secret, in use since it was made."""
        _, stored = self._secret(key_id, created_at)
        values = msgspec.structs.asdict(stored) | {"sealed": sealed}
        async with self._store.writing() as connection:
            await connection.execute(insert(tables.secrets).values(values))

    async def use(self, key_id: str, at: int, *, seen_in_url: bool = False) -> None:
        """Have a key used once, at a time."""
        values = {
            "key_id": key_id,
            "requests": 1,
            "input_tokens": 1,
            "output_tokens": 1,
            "cost_nano_usd": 0,
            "last_used_at": at,
            "last_address": "127.0.0.1",
            "seen_in_url": seen_in_url,
        }
        async with self._store.writing() as connection:
            await connection.execute(insert(tables.key_usage).values(values))

    async def stored(self, key_id: str) -> StoredKey:
        """Return a key as it is kept."""
        async with self._store.reading() as connection:
            row = (await connection.execute(tables.keys.select().where(tables.keys.c.id == key_id))).one()
        return StoredKey(*row)

    def _secret(self, key_id: str, created_at: int) -> tuple[Secret, StoredSecret]:
        secret = system.new_key(Kind.SECRET)
        pepper_id, stored = self._vault.verifier(verifier.digest(secret.reveal().encode()))
        return secret, StoredSecret(
            id=system.new_id(ids.SECRET),
            key_id=key_id,
            verifier=stored,
            binding=self._vault.binding(pepper_id, stored, key_id),
            pepper_id=pepper_id,
            display=key_text.display(secret),
            created_at=created_at,
            activated_at=created_at,
        )


async def record_of(lookup: Lookup, secret: Secret) -> KeyRecord:
    """Return what a worker that asks learns of a secret."""
    found = await lookup.by_digest(verifier.digest(secret.reveal().encode()))
    assert found is not None
    return found


async def log_of(store: Store) -> list[tuple[str, str, str]]:
    """Return actor, action and target of each entry of the audit log, in order."""
    entries = tables.audit.c
    query = tables.audit.select().order_by(entries.seq)
    async with store.reading() as connection:
        return [(row.actor, row.action, row.target) for row in await connection.execute(query)]
