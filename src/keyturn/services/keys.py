"""Issue keys, change them, end them.

Whatever takes rights away is committed first and then confirmed by every live worker, so that the key is
dead everywhere when the call returns.
"""

from collections.abc import Sequence

import msgspec

from keyturn import system
from keyturn.domain import ids, key_text, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import Status, status
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.workers import Workers
from keyturn.store import keys, usage
from keyturn.store.engine import Store
from keyturn.store.keys import KeyFilter, StoredKey, StoredSecret
from keyturn.store.usage import KeyUsage
from keyturn.store.vault import Vault

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2_000


class Key(msgspec.Struct, frozen=True):
    """A key with everything that may be shown of it."""

    stored: StoredKey
    secrets: list[StoredSecret]
    usage: KeyUsage
    status: Status


class Issued(msgspec.Struct, frozen=True):
    """A new key and its secret, which nobody will see again."""

    key: Key
    secret: Secret


class NewKey(msgspec.Struct, frozen=True):
    """What is asked for. The preset's permissions hold unless ``permissions`` are listed."""

    name: str
    description: str = ""
    kind: Kind = Kind.SECRET
    preset: Preset | None = None
    permissions: frozenset[Permission] | None = None
    expires_at_ms: int | None = None


class KeyChange(msgspec.Struct, frozen=True):
    """What is to be different; ``UNSET`` stays as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    expires_at_ms: int | msgspec.UnsetType | None = msgspec.UNSET


class Keys:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, workers: Workers) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers

    async def create(self, wanted: NewKey, *, by: str) -> Issued | Refused:
        """Issue a key.

        Args:
            wanted: What it shall be.
            by: Who asks: ``operator`` or the identifier of a key.
        """
        now_ms = system.now_ms()
        refused = _check_new(wanted, now_ms)
        if refused is not None:
            return refused
        key, secret, stored_secret = mint(self._vault, wanted, project_id="", by=by, now_ms=now_ms)
        async with self._store.writing() as connection:
            project_id = await keys.first_project(connection)
            key = msgspec.structs.replace(key, project_id=project_id)
            await keys.add(connection, key, stored_secret)
        return Issued(
            Key(key, [stored_secret], KeyUsage(key.id), status(key.record(), now_ms / 1000)), secret
        )

    async def page(
        self, wanted: KeyFilter, *, cursor: str | None, limit: int
    ) -> tuple[list[Key], str | None]:
        """Return up to ``limit`` keys, newest first, and where the next page begins, if there is one."""
        now_ms = system.now_ms()
        async with self._store.reading() as connection:
            found = await keys.page(connection, wanted, before=cursor, limit=limit + 1, now_ms=now_ms)
            shown = found[:limit]
            key_ids = [key.id for key in shown]
            secrets = await keys.secrets_of(connection, key_ids)
            used = await usage.of_keys(connection, key_ids)
        complete = [
            Key(key, secrets[key.id], used[key.id], status(key.record(), now_ms / 1000)) for key in shown
        ]
        return complete, shown[-1].id if len(found) > limit else None

    async def show(self, id_or_name: str) -> Key | Refused:
        """Return the key with this identifier, or the only one with this name."""
        async with self._store.reading() as connection:
            key = await keys.get(connection, id_or_name)
            same_name = [key] if key is not None else await keys.named(connection, id_or_name)
            if len(same_name) != 1:
                return _none_or_many(id_or_name, same_name)
            [key] = same_name
            secrets = await keys.secrets_of(connection, [key.id])
            used = await usage.of_keys(connection, [key.id])
        return Key(key, secrets[key.id], used[key.id], status(key.record(), system.now()))

    async def edit(self, id_or_name: str, change: KeyChange) -> Key | Refused:
        """Change a key; in force everywhere on return."""
        refused = _check_change(change)
        if refused is not None:
            return refused
        values: dict[str, object] = {}
        for name, column in (
            ("name", "name"),
            ("description", "description"),
            ("expires_at_ms", "expires_at"),
        ):
            value = getattr(change, name)
            if value is not msgspec.UNSET:
                values[column] = value
        return await self._change(id_or_name, values)

    async def enable(self, id_or_name: str) -> Key | Refused:
        """Let a disabled key work again."""
        found = await self.show(id_or_name)
        if isinstance(found, Key) and found.status is Status.REVOKED:
            return Refused(Reason.CONFLICT, "A revoked key can't be enabled again; create a new one")
        return await self._change(id_or_name, {"enabled": True})

    async def disable(self, id_or_name: str) -> Key | Refused:
        """Stop a key for now; no worker accepts it any more on return."""
        return await self._change(id_or_name, {"enabled": False})

    async def revoke(self, id_or_name: str) -> Key | Refused:
        """End a key for good; no worker accepts it any more on return."""
        found = await self.show(id_or_name)
        if isinstance(found, Refused):
            return found
        if found.stored.revoked_at is not None:
            # Asked again, perhaps because the workers had not all confirmed the first time.
            await self._workers.invalidate([found.stored.id])
            return found
        return await self._change(found.stored.id, {"revoked_at": system.now_ms()})

    async def delete(self, id_or_name: str) -> Key | Refused:
        """Take a key out of sight, its usage kept; no worker accepts it any more on return."""
        found = await self.show(id_or_name)
        if isinstance(found, Refused):
            return found
        async with self._store.writing() as connection:
            await keys.change(connection, found.stored.id, {"deleted_at": system.now_ms()})
        await self._workers.invalidate([found.stored.id])
        return found

    async def _change(self, id_or_name: str, values: dict[str, object]) -> Key | Refused:
        found = await self.show(id_or_name)
        if isinstance(found, Refused):
            return found
        key_id = found.stored.id
        if values:
            async with self._store.writing() as connection:
                await keys.change(connection, key_id, values)
        await self._workers.invalidate([key_id])
        return await self.show(key_id)


def mint(
    vault: Vault, wanted: NewKey, *, project_id: str, by: str, now_ms: int
) -> tuple[StoredKey, Secret, StoredSecret]:
    """Make a key and a secret for it; nothing is stored."""
    preset = wanted.preset
    if preset is None and wanted.permissions is None:
        preset = Preset.ADMIN if wanted.kind is Kind.MANAGEMENT else Preset.PRODUCTION
    permissions = (
        wanted.permissions if wanted.permissions is not None else PRESETS[preset or Preset.PRODUCTION]
    )
    key = StoredKey(
        id=system.new_id(ids.KEY),
        project_id=project_id,
        name=wanted.name,
        description=wanted.description,
        kind=wanted.kind.value,
        preset=preset.value if preset is not None and permissions == PRESETS[preset] else "",
        permissions=" ".join(sorted(permissions)),
        enabled=True,
        revoked_at=None,
        expires_at=wanted.expires_at_ms,
        deleted_at=None,
        created_at=now_ms,
        created_by=by,
        version=1,
    )
    secret = system.new_key(wanted.kind)
    pepper_id, stored = vault.verifier(verifier.digest(secret.reveal().encode()))
    stored_secret = StoredSecret(
        id=system.new_id(ids.SECRET),
        key_id=key.id,
        verifier=stored,
        binding=vault.binding(pepper_id, stored, key.id),
        pepper_id=pepper_id,
        display=key_text.display(secret),
        created_at=now_ms,
    )
    return key, secret, stored_secret


def _check_new(wanted: NewKey, now_ms: int) -> Refused | None:
    if wanted.kind is Kind.PUBLISHABLE:
        return Refused(Reason.INVALID_MEMBER, "Publishable keys can't be issued yet; use 'secret'", "kind")
    if wanted.kind is Kind.MANAGEMENT and (
        wanted.preset not in {None, Preset.ADMIN} or wanted.permissions not in {None, PRESETS[Preset.ADMIN]}
    ):
        return Refused(
            Reason.INVALID_MEMBER, "A management key always has the permission 'admin'", "permissions"
        )
    if wanted.permissions is not None and not wanted.permissions:
        return Refused(Reason.INVALID_MEMBER, "A key needs at least one permission", "permissions")
    if wanted.expires_at_ms is not None and wanted.expires_at_ms <= now_ms:
        return Refused(
            Reason.INVALID_MEMBER, "The time is past; a new key must expire in the future", "expires_at"
        )
    return _check_texts(wanted.name, wanted.description)


def _check_change(change: KeyChange) -> Refused | None:
    name = "-" if isinstance(change.name, msgspec.UnsetType) else change.name
    return _check_texts(name, change.description or "")


def _check_texts(name: str, description: str) -> Refused | None:
    if not 1 <= len(name.strip()) <= len(name) <= NAME_LENGTH or not name.isprintable():
        return Refused(Reason.INVALID_MEMBER, f"A name is 1 to {NAME_LENGTH} printable characters", "name")
    if len(description) > DESCRIPTION_LENGTH:
        message = f"A description has at most {DESCRIPTION_LENGTH} characters"
        return Refused(Reason.INVALID_MEMBER, message, "description")
    return None


def _none_or_many(asked: str, found: Sequence[StoredKey]) -> Refused:
    if not found:
        return Refused(Reason.RESOURCE_NOT_FOUND, "There is no such key")
    message = f"{len(found)} keys have the name {asked!r}; use the identifier"
    return Refused(Reason.CONFLICT, message, details={"ids": ", ".join(key.id for key in found)})
