"""Hand a secret over by a link that works once.

Whoever has the token gets the secret, the first time. A second attempt is refused and becomes an event, because it
says that two people had the link. The token is kept as its SHA-256 only, the secret sealed and bound to that.
"""

import hashlib
import re

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.keys import SecretState, Status, rfc3339, secret_state, status
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rotation import DAY_MS
from keyturn.domain.secret import Secret
from keyturn.services import audit, events
from keyturn.services.idempotency import keep
from keyturn.services.workers import Workers
from keyturn.store import claims, keys, rotation
from keyturn.store.claims import StoredClaim
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.vault import Vault

TTL_S = 300
SHORTEST_TTL_S, LONGEST_TTL_S = 10, 7 * 86_400
KEPT_MS = 30 * DAY_MS
"""How long a claim that has ended is remembered, so that a second attempt is noticed."""
HELD_MS = 400 * DAY_MS
"""How long it is remembered that a holder was handed the successor of its own secret."""
BY_LINK = "claim link"
"""The actor in the audit log."""

_TOKEN = re.compile(r"[0-9A-Za-z]{32}")


class Claim(msgspec.Struct, frozen=True):
    """A link's secret part, for whoever is to have the secret."""

    token: Secret
    expires_at_ms: int


class Claimed(msgspec.Struct, frozen=True):
    """What a link was good for."""

    key: StoredKey
    stored: StoredSecret
    secret: Secret


class Claims:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, workers: Workers) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers

    async def offer(self, key_id: str, secret_id: str, secret: Secret, ttl_s: int) -> Claim:
        """Wrap the secret of a key that has just been issued."""
        async with self._store.writing() as connection:
            return await wrap(connection, self._vault, (key_id, secret_id), secret, ttl_s=ttl_s)

    async def claim(self, token: str, *, by: Principal, now_ms: int | None = None) -> Claimed | Refused:
        """Take over what a link is for; never again.

        Args:
            token: Behind the ``#`` of the link.
            by: From where it is asked.
            now_ms: Milliseconds since 1970 UTC; now, unless said.
        """
        at = system.now_ms() if now_ms is None else now_ms
        nothing = Refused(Reason.RESOURCE_NOT_FOUND, "There is no such link, or its time is over")
        if _TOKEN.fullmatch(token) is None:
            return nothing
        hashed = hashlib.sha256(token.encode()).digest()
        async with self._store.reading() as connection:
            if await claims.get(connection, hashed) is None:
                return nothing  # anybody may ask: guesses must not queue up before those who change something
        async with self._store.writing() as connection:
            found = await claims.get(connection, hashed)
            if found is None:
                return nothing
            if found.claimed_at is not None:
                await _tell_of_second(connection, found, by, at)
                message = f"This link was used at {rfc3339(found.claimed_at / 1000)}; it works once"
                return Refused(Reason.CONFLICT, message)
            key = await keys.get(connection, found.key_id)
            stored = await rotation.secret(connection, found.secret_id)
            if found.sealed is None or found.expires_at <= at or not _is_good(key, stored, at):
                return nothing
            secret = self._vault.unseal(_owner(hashed, found.secret_id), found.sealed)
            taken: dict[str, object] = {"sealed": None, "claimed_at": at, "claimed_from": by.address}
            await claims.change(connection, hashed, taken)
            who = msgspec.structs.replace(by, name=BY_LINK)
            await audit.note(connection, who, "key.claim", found.key_id, after={"secret": found.secret_id})
            if key is None or stored is None:
                return nothing
            taken_over = Claimed(key, stored, secret)
            await keep(connection, taken_over)
        return taken_over

    async def expire(self, *, now_ms: int | None = None) -> None:
        """Destroy secrets that nobody came for. One that a rotation had issued is ended: nobody knows it."""
        at = system.now_ms() if now_ms is None else now_ms
        async with self._store.writing() as connection:
            await claims.forget(connection, at - KEPT_MS)
            ended = []
            for late in await claims.run_out(connection, at):
                await claims.change(connection, late.token_hash, {"sealed": None})
                secret = await rotation.secret(connection, late.secret_id)
                if secret is not None and secret_state(secret.life(), at) is SecretState.PENDING:
                    await rotation.change_secrets(connection, [secret.id], {"revoked_at": at})
                    why = {"secret": secret.display, "why": "nobody used the claim link in time"}
                    notice = Notice(EventKind.ROTATION_FAILED, at / 1000, late.key_id, details=why)
                    await events.keep(connection, [notice])
                    ended.append(late.key_id)
        if ended:
            await self._workers.invalidate(ended)


async def wrap(
    connection: AsyncConnection, vault: Vault, whose: tuple[str, str], secret: Secret, *, ttl_s: int
) -> Claim:
    """Let a secret be claimed.

    Args:
        connection: A writing one.
        vault: Seals the secret until then.
        whose: The identifiers of the key and of the secret.
        secret: What is to be handed over.
        ttl_s: For how long, in seconds.
    """
    now_ms, token = system.now_ms(), system.new_token()
    expires_at_ms = now_ms + ttl_s * 1000
    hashed = hashlib.sha256(token.reveal().encode()).digest()
    sealed = vault.seal(_owner(hashed, whose[1]), secret)
    await claims.add(connection, StoredClaim(hashed, *whose, sealed, now_ms, expires_at_ms))
    return Claim(token, expires_at_ms)


async def hold(connection: AsyncConnection, secret: StoredSecret, by: Principal, now_ms: int) -> None:
    """Note that the holder of a key was handed this successor of its own secret."""
    hashed = _mark("holder", secret.id)
    held = StoredClaim(hashed, secret.key_id, secret.id, None, now_ms, now_ms + HELD_MS, now_ms, by.address)
    await claims.add(connection, held)


async def held(connection: AsyncConnection, secret_id: str) -> StoredClaim | None:
    """Return when and from where a holder was handed this secret; ``None``: it came about otherwise."""
    return await claims.get(connection, _mark("holder", secret_id))


async def lay_down(
    connection: AsyncConnection, vault: Vault, secret: StoredSecret, box: str, now_ms: int
) -> None:
    """Keep a sealed successor for the key's holder to fetch, as often as it likes: only it can open the box."""
    hashed = _mark("sealed", secret.id)
    kept = vault.seal(_owner(hashed, secret.id), Secret(box))
    await claims.add(
        connection, StoredClaim(hashed, secret.key_id, secret.id, kept, now_ms, now_ms + HELD_MS)
    )


async def laid_down(connection: AsyncConnection, vault: Vault, secret_id: str) -> str | None:
    """Return the box that was laid down for this secret."""
    hashed = _mark("sealed", secret_id)
    found = await claims.get(connection, hashed)
    if found is None or found.sealed is None:
        return None
    return vault.unseal(_owner(hashed, secret_id), found.sealed).reveal()


def _mark(what: str, secret_id: str) -> bytes:
    # Stands where the hash of a token does. No token has a colon in it.
    return hashlib.sha256(f"{what}:{secret_id}".encode()).digest()


def _owner(hashed: bytes, secret_id: str) -> str:
    return f"claim:{hashed.hex()}:{secret_id}"


def _is_good(key: StoredKey | None, secret: StoredSecret | None, now_ms: int) -> bool:
    if key is None or secret is None or status(key, now_ms) in {Status.REVOKED, Status.EXPIRED}:
        return False
    return secret_state(secret.life(), now_ms) is not SecretState.DEAD


async def _tell_of_second(
    connection: AsyncConnection, claim: StoredClaim, by: Principal, now_ms: int
) -> None:
    """Raise an event; once for each address, because whoever has an old link can ask as often as they like."""
    subject = f"claimed twice {claim.token_hash[:8].hex()} {by.address}"
    if await rotation.say(connection, claim.key_id, subject, now_ms):
        details = {"claimed_at": rfc3339((claim.claimed_at or 0) / 1000), "claimed_from": claim.claimed_from}
        notice = Notice(
            EventKind.CLAIMED_TWICE, now_ms / 1000, claim.key_id, by.address, by.request_id, details
        )
        await events.keep(connection, [notice])
