"""Give a key a new secret while the old one lives on; ``domain.rotation`` says for how long.

A rotation never ends a secret by itself: the old ones die after the first use of the new one, or at once when whoever
asks says so. The key's identifier, usage and settings stay.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.keys import KeyRecord, SecretState, Status, rfc3339, secret_state, status
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rotation import Delivery, overlap_end
from keyturn.domain.secret import Secret
from keyturn.services import audit, claims, events
from keyturn.services.claims import TTL_S, Claim
from keyturn.services.delivery_sealed import seal_to
from keyturn.services.delivery_sinks import SinkError, Sinks, Staged
from keyturn.services.idempotency import keep
from keyturn.services.issuing import new_secret, next_rotation
from keyturn.services.key_access import find, refused_as_too_strong
from keyturn.services.keys import Key, views
from keyturn.services.workers import Workers
from keyturn.store import keys, rotation
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.vault import Vault


class Wish(msgspec.Struct, frozen=True):
    """How a key is to be rotated; ``None`` leaves it to the key."""

    overlap_hours: int | None = None
    """How long the old secrets live on after the first use of the new one; 0: they die at once."""
    revoke_old: bool = False
    """They die at once, before the new one is used: for a secret that somebody else has seen."""
    delivery: Delivery | None = None
    ttl_s: int = TTL_S
    """How long a claim link works."""

    @property
    def at_once(self) -> bool:
        """The old secrets die when the call returns."""
        return self.revoke_old or self.overlap_hours == 0


class Begun(msgspec.Struct, frozen=True):
    """A rotation whose new secret is stored and not delivered yet."""

    key: StoredKey
    stored: StoredSecret
    secret: Secret
    at: int


class Successor(msgspec.Struct, frozen=True):
    """A new secret, in the one form in which it is delivered."""

    key: Key
    secret_id: str
    delivery: Delivery
    secret: Secret | None = None
    sealed: str | None = None
    """A box, as in ``delivery_sealed``."""
    claim: Claim | None = None
    written_to: str | None = None


class Rotation:
    """The use cases. ``now_ms`` is the time, milliseconds since 1970 UTC; now, unless said."""

    def __init__(self, store: Store, vault: Vault, workers: Workers, sinks: Sinks) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers
        self._sinks = sinks
        # One file may hold the secrets of several keys: none must be lost between reading it and replacing it.
        self._files = asyncio.Lock()

    async def rotate(
        self, id_or_name: str, wish: Wish, *, by: Principal, now_ms: int | None = None
    ) -> Successor | Refused:
        """Give a key a new secret; one that waits for its first use is replaced and dies at once.

        Args:
            id_or_name: The key.
            wish: How.
            by: Who asks; a key that is weaker than the one it rotates is refused.
            now_ms: See the class.
        """
        at = system.now_ms() if now_ms is None else now_ms
        async with self._store.writing() as connection:
            found = await find(connection, id_or_name, by)
            if isinstance(found, Refused):
                return found
            refused = refused_as_too_strong(by, found, at / 1000)
            if refused is not None:
                return refused
            delivery = _delivery(found.key, wish)
            if isinstance(delivery, Refused):
                return delivery
            rotated: Successor | Begun | Refused | None = None
            if delivery is not Delivery.SINK:
                rotated = await self._begin(connection, found.key, wish, by, at)
            if isinstance(rotated, Begun):
                rotated = await self._hand_over(connection, rotated, delivery, wish)
        if isinstance(rotated, Successor):
            await self._workers.invalidate([found.key.id])
            return rotated
        return rotated if isinstance(rotated, Refused) else await self._into_sink(found.key, wish, by, at)

    async def rotate_self(self, *, by: Principal, now_ms: int | None = None) -> Successor | Refused:
        """Give a key a new secret because its own holder asks; once.

        A secret that was handed its successor and asks again has two holders, and nobody can say who is who: the key
        is frozen with all its secrets until the operator thaws it. A lost answer is not asked for again but replayed,
        by the idempotency key of the first request.
        """
        at = system.now_ms() if now_ms is None else now_ms
        record = by.key
        if record is None:
            return Refused(Reason.RESOURCE_NOT_FOUND, "Only a key can rotate itself")
        if not record.self_rotation:
            message = "This key may not rotate itself; whoever runs the gateway can allow it"
            return Refused(Reason.INSUFFICIENT_PERMISSIONS, message, details={"key_id": record.id})
        if record.pending:
            await self.first_used(record.secret_id, now_ms=at)
        async with self._store.writing() as connection:
            successor = await self._own_successor(connection, record, by, at)
        if isinstance(successor, Successor) or successor.reason is Reason.KEY_QUARANTINED:
            await self._workers.invalidate([record.id])
        return successor

    async def _own_successor(
        self, connection: AsyncConnection, record: KeyRecord, by: Principal, at: int
    ) -> Successor | Refused:
        live = await rotation.live_secrets(connection, record.id, at)
        newer = [one for one in live if one.id > record.secret_id]
        given = await claims.held(connection, newer[-1].id) if newer else None
        if given is not None:
            case_id = await _freeze(connection, record.id, by, at, given.claimed_from)
            return Refused(Reason.KEY_QUARANTINED, details={"key_id": record.id, "case_id": case_id})
        if newer:
            message = "This secret has a successor already; use that one, or have the key rotated for you"
            return Refused(Reason.CONFLICT, message)
        key = await keys.get(connection, record.id)
        if key is None:
            return Refused(Reason.RESOURCE_NOT_FOUND, "There is no such key")
        begun = await self._begin(connection, key, Wish(), by, at)
        if isinstance(begun, Refused):
            return begun
        await claims.hold(connection, begun.stored, by, at)
        delivery = Delivery.SEALED if key.sealing_key is not None else Delivery.RETURN
        return await self._hand_over(connection, begun, delivery, Wish())

    async def sealed_successor(self, *, by: Principal) -> tuple[StoredSecret, str] | Refused:
        """Return the box that a rotation by policy has laid down for a key that has a sealing key."""
        nothing = Refused(Reason.RESOURCE_NOT_FOUND, "No sealed successor waits for this key")
        if by.key is None:
            return nothing
        async with self._store.reading() as connection:
            for secret in reversed(await rotation.live_secrets(connection, by.key.id, system.now_ms())):
                box = await claims.laid_down(connection, self._vault, secret.id)
                if box is not None:
                    return secret, box
        return nothing

    async def first_used(self, secret_id: str, *, now_ms: int | None = None) -> None:
        """Take a pending secret into use, and start the overlap of those before it; again is harmless.

        The workers forget the key every time, because whoever reports a use has not heard of it yet.
        """
        at = system.now_ms() if now_ms is None else now_ms
        async with self._store.writing() as connection:
            used = await rotation.secret(connection, secret_id)
            key = None if used is None else await keys.get(connection, used.key_id)
            if used is None or key is None:
                return
            if secret_state(used.life(), at) is SecretState.PENDING:
                await _activate(connection, key, used, at)
        await self._workers.invalidate([used.key_id])

    async def _begin(
        self, connection: AsyncConnection, key: StoredKey, wish: Wish, by: Principal, at: int
    ) -> Begun | Refused:
        """Store a new secret, in the state in which its use begins, and end those that it replaces."""
        refused = _refused_by_state(key, wish, at)
        if refused is not None:
            return refused
        live = await rotation.live_secrets(connection, key.id, at)
        replaced = [one for one in live if wish.at_once or one.activated_at is None]
        await rotation.change_secrets(connection, [one.id for one in replaced], {"expires_at": at})
        secret, stored = new_secret(self._vault, key, now_ms=at, pending=not wish.at_once)
        stored = replace(stored, overlap_hours=wish.overlap_hours)
        await rotation.add_secret(connection, stored)
        if key.frozen_at is not None:
            await _thaw(connection, key, by, at)
        await audit.note(
            connection,
            by,
            "key.rotate",
            key.id,
            before={"secrets": [one.display for one in live]},
            after={"secret": stored.display, "ended": [one.display for one in replaced]},
        )
        return Begun(key, stored, secret, at)

    async def _hand_over(
        self, connection: AsyncConnection, begun: Begun, delivery: Delivery, wish: Wish
    ) -> Successor:
        """Make the delivery; a lost answer is given again, where the request can be known again."""
        key, stored, secret = begun.key, begun.stored, begun.secret
        await _schedule(connection, key, begun.at)
        successor = await _successor(connection, begun, delivery)
        if delivery is Delivery.CLAIM:
            whose = (key.id, stored.id)
            claim = await claims.wrap(connection, self._vault, whose, secret, ttl_s=wish.ttl_s)
            successor = replace(successor, claim=claim)
        elif delivery is Delivery.SEALED and key.sealing_key is not None:
            box = seal_to(key.sealing_key, key.id, secret)
            await claims.lay_down(connection, self._vault, stored, box, begun.at)
            successor = replace(successor, sealed=box)
        else:
            successor = replace(successor, secret=secret)
        await keep(connection, successor)
        return successor

    async def _into_sink(self, key: StoredKey, wish: Wish, by: Principal, at: int) -> Successor | Refused:
        """Rotate a key, the new secret written to its file; what fails leaves the key as it was.

        The key is due until the file stands: if this process dies in between, the scheduler writes the next one.
        """
        async with self._files:
            begun = await self._write(key, wish, by, at)
        if isinstance(begun, Refused):
            return begun
        async with self._store.writing() as connection:
            await _schedule(connection, key, at)
            successor = await _successor(connection, begun, Delivery.SINK)
        await self._workers.invalidate([key.id])
        return replace(successor, written_to=key.sink)

    async def _write(self, key: StoredKey, wish: Wish, by: Principal, at: int) -> Begun | Refused:
        staged: Staged | None = None
        live: list[StoredSecret] = []
        try:
            async with self._store.writing() as connection:
                live = await rotation.live_secrets(connection, key.id, at)
                begun = await self._begin(connection, key, wish, by, at)
                if isinstance(begun, Refused):
                    return begun
                staged = await asyncio.to_thread(self._sinks.stage, key.sink, begun.secret)
            await asyncio.to_thread(staged.publish)
        except SinkError as error:
            return await self._undo(key.id, [] if staged is None else live, by, (str(error), at))
        finally:
            if staged is not None:
                await asyncio.to_thread(staged.discard)
        return begun

    async def _undo(
        self, key_id: str, before: Sequence[StoredSecret], by: Principal, failure: tuple[str, int]
    ) -> Refused:
        """Put back the secrets of a key as they were ``before``; none if nothing was stored. Tell why."""
        why, at = failure
        async with self._store.writing() as connection:
            known = {one.id: one for one in before}
            for one in await rotation.live_secrets(connection, key_id, at) if before else []:
                if one.id not in known:
                    await rotation.remove_secret(connection, one.id)
            for one in before:
                await rotation.change_secrets(connection, [one.id], {"expires_at": one.expires_at})
            if before:
                await audit.note(connection, by, "key.rotate.undo", key_id, after={"why": why})
            notice = Notice(EventKind.ROTATION_FAILED, at / 1000, key_id, by.address, details={"why": why})
            await events.keep(connection, [notice])
        if before:  # a worker may have asked in between
            await self._workers.invalidate([key_id])
        return Refused(Reason.CONFLICT, f"The key was not rotated: {why}")


async def _successor(connection: AsyncConnection, begun: Begun, delivery: Delivery) -> Successor:
    key = await keys.get(connection, begun.key.id)
    [shown] = await views(connection, [key or begun.key], begun.at)
    return Successor(shown, begun.stored.id, delivery)


def _delivery(key: StoredKey, wish: Wish) -> Delivery | Refused:
    """Say how the new secret is delivered; a key that has a sealing key never gets one in the clear."""
    usual = Delivery.SINK if key.sink else Delivery.RETURN
    if key.sealing_key is not None:
        usual = Delivery.SEALED
    wanted = usual if wish.delivery is None else wish.delivery
    if key.sealing_key is not None and wanted is not Delivery.SEALED:
        message = "This key has a sealing key: its new secrets are delivered sealed only"
        return Refused(Reason.CONFLICT, message, "delivery")
    if key.sealing_key is None and wanted is Delivery.SEALED:
        message = "This key has no sealing key; register an X25519 public key first"
        return Refused(Reason.CONFLICT, message, "delivery")
    if wanted is Delivery.SINK and not key.sink:
        return Refused(Reason.CONFLICT, "This key has no sink; name its file first", "delivery")
    return wanted


def _refused_by_state(key: StoredKey, wish: Wish, at: int) -> Refused | None:
    state = status(key, at)
    if state is not Status.ACTIVE:
        return Refused(Reason.CONFLICT, f"The key is {state.value}, so it can't be rotated")
    if key.frozen_at is not None and not wish.at_once:
        message = "The key is frozen; rotate it with revoke_old, so that none of its old secrets works again"
        return Refused(Reason.CONFLICT, message)
    return None


async def _schedule(connection: AsyncConnection, key: StoredKey, at: int) -> None:
    await keys.change(connection, key.id, {"next_rotation_at": next_rotation(key, at, now_ms=at)})


async def _activate(connection: AsyncConnection, key: StoredKey, used: StoredSecret, at: int) -> None:
    live = await rotation.live_secrets(connection, key.id, at)
    older = [one for one in live if one.id != used.id]
    hours = key.overlap_hours if used.overlap_hours is None else used.overlap_hours
    end = overlap_end(used.created_at, at, hours)
    await rotation.change_secrets(connection, [used.id], {"activated_at": at})
    for one in older:
        sooner = end if one.expires_at is None else min(one.expires_at, end)
        await rotation.change_secrets(connection, [one.id], {"expires_at": sooner})
    facts = {"secret": used.display, "old_ends_at": rfc3339(end / 1000)}
    by = Principal(key.id)
    old: audit.Facts = {"secrets": [one.display for one in older]}
    await audit.note(connection, by, "key.first_use", key.id, before=old, after={**facts})
    if older:
        facts["old"] = ", ".join(one.display for one in older)
        await events.keep(connection, [Notice(EventKind.ROTATION_STARTED, at / 1000, key.id, details=facts)])


async def _freeze(connection: AsyncConnection, key_id: str, by: Principal, at: int, claimed_from: str) -> str:
    """Freeze a key; return the identifier of the event that says why."""
    details = {"claimed_from": claimed_from, "effect": "frozen"}
    notice = Notice(EventKind.CLAIMED_TWICE, at / 1000, key_id, by.address, by.request_id, details)
    [case] = await events.keep(connection, [notice])
    await keys.change(connection, key_id, {"frozen_at": at, "case_id": case.id})
    await audit.note(connection, by, "key.freeze", key_id, after={"claimed_from": [claimed_from, by.address]})
    return case.id


async def _thaw(connection: AsyncConnection, key: StoredKey, by: Principal, at: int) -> None:
    await keys.change(connection, key.id, {"frozen_at": None, "case_id": ""})
    await audit.note(
        connection, by, "key.thaw", key.id, before={"frozen_at": key.frozen_at}, after={"thawed_at": at}
    )
