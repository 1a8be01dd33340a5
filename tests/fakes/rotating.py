"""Keys to rotate, in a real database, at a time of the test's own."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from fakes.heard import Heard
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord, SecretState, secret_state
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.rotation import DAY_MS
from keyturn.services.claims import Claims
from keyturn.services.delivery_sinks import Sinks
from keyturn.services.issuing import mint
from keyturn.services.key_terms import NewKey
from keyturn.services.rotation import Rotation, Successor
from keyturn.services.rotation_policy import RotationPolicy
from keyturn.store import keys
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.tables import audit, events, projects, retiring_uses, secrets
from keyturn.store.vault import Vault

NOW = 2_000_000_000_000
BY = Principal(OPERATOR)


class Rotating:
    """The use cases over one database.

    Attributes:
        heard: Who hears of changes.
    """

    def __init__(self, store: Store, vault: Vault, sinks: Sequence[str] = ()) -> None:
        self.store = store
        self.vault = vault
        self.heard = Heard()
        self.rotation = Rotation(store, vault, self.heard, Sinks(sinks))
        self.policy = RotationPolicy(store, self.rotation)
        self.claims = Claims(store, vault, self.heard)

    async def key(self, *, at: int = NOW, **columns: Any) -> StoredKey:
        """Store a key that was made at ``at``, with one secret in use; ``columns`` are as in the table."""
        async with self.store.writing() as connection:
            project = await connection.scalar(select(projects.c.id).limit(1))
            wanted = NewKey(name=f"app {at}", kind=Kind.SECRET)
            made, _, secret = mint(self.vault, wanted, project_id=str(project), by="operator", now_ms=at)
            key = msgspec.structs.replace(made, **columns)
            await keys.add(connection, key, secret)
        return key

    async def change(self, key: StoredKey, **columns: object) -> None:
        """Change a key behind the use cases' back."""
        async with self.store.writing() as connection:
            await keys.change(connection, key.id, columns)

    async def stored(self, key: StoredKey) -> StoredKey:
        """Return the key as it is now."""
        async with self.store.reading() as connection:
            found = await keys.get(connection, key.id)
        assert found is not None
        return found

    async def secrets(self, key: StoredKey) -> list[StoredSecret]:
        """Return all secrets of the key, oldest first."""
        async with self.store.reading() as connection:
            return (await keys.secrets_of(connection, [key.id]))[key.id]

    async def states(self, key: StoredKey, at: int) -> list[SecretState]:
        """Return the state of each secret, oldest first."""
        return [secret_state(one.life(), at) for one in await self.secrets(key)]

    async def use(self, secret: StoredSecret, at: int, address: str) -> None:
        """Note a use, as the ingest does."""
        async with self.store.writing() as connection:
            used = {"last_used_at": at, "last_address": address}
            await connection.execute(update(secrets).where(secrets.c.id == secret.id).values(used))
            seen = {"secret_id": secret.id, "address": address, "last_used_at": at}
            await connection.execute(insert(retiring_uses).values(seen))

    async def told(self) -> list[tuple[str, dict[str, str]]]:
        """Return kind and details of every event, in order."""
        async with self.store.reading() as connection:
            rows = await connection.execute(select(events.c.kind, events.c.details).order_by(events.c.id))
            return [(kind, msgspec.json.decode(details)) for kind, details in rows]

    async def kinds(self) -> list[str]:
        """Return the kind of every event, in order."""
        return [kind for kind, _ in await self.told()]

    async def audited(self) -> list[tuple[str, str]]:
        """Return actor and action of every entry that is about a key, in order."""
        query = select(audit.c.actor, audit.c.action).where(audit.c.action.startswith("key."))
        async with self.store.reading() as connection:
            return [
                (actor, action) for actor, action in await connection.execute(query.order_by(audit.c.seq))
            ]

    def holder(self, key: StoredKey, secret: StoredSecret, address: str = "203.0.113.7") -> Principal:
        """Return who presents this secret."""
        record = KeyRecord(
            id=key.id,
            name=key.name,
            kind=Kind.SECRET,
            permissions=frozenset({Permission.READ}),
            secret_id=secret.id,
            self_rotation=key.self_rotation,
            pending=secret.activated_at is None,
        )
        return Principal(key.id, address, key=record)


def done(result: object) -> Successor:
    """Return what a rotation came to, which must not be a refusal."""
    assert isinstance(result, Successor), result
    return result


def days(count: float) -> int:
    """Return so many days after ``NOW``."""
    return NOW + int(count * DAY_MS)
