"""Show a recoverable key's secret once more, to someone who has just proved again who they are."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import verifier
from keyturn.domain.keys import SecretState, secret_state
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.roles import PROVE
from keyturn.domain.secret import Secret
from keyturn.services import audit, key_access
from keyturn.services.issuing import sealed_for
from keyturn.services.lookup import Lookup
from keyturn.store import audit as entries, keys
from keyturn.store.engine import Store
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.vault import Vault, VaultError

PER_HOUR = 10
"""How many secrets one principal may see in an hour."""
ACTION = "key.reveal"
_HOUR_MS = 3_600_000


class Proof(msgspec.Struct, frozen=True):
    """What shows that the caller means it and is still who they were."""

    credential: Secret | None = None
    """The secret that the caller's own key was presented with."""
    confirm: str | None = None
    """The name of the key, from the operator, who has no key. Who has signed in shows by that who they are."""


class Revealed(msgspec.Struct, frozen=True):
    """A secret in the clear."""

    key: StoredKey
    stored: StoredSecret
    secret: Secret


class Reveal:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, lookup: Lookup) -> None:
        self._store = store
        self._vault = vault
        self._lookup = lookup

    async def reveal(self, id_or_name: str, proof: Proof, *, by: Principal) -> Revealed | Refused:
        """Return the newest secret of a key that still works; each time is written to the audit log.

        Args:
            id_or_name: Of the key.
            proof: Of who asks.
            by: Who asks.
        """
        async with self._store.reading() as connection:
            found = await key_access.find(connection, id_or_name, by)
        if isinstance(found, Refused):
            return found
        refused = await self._unproved(found.key, proof, by) or key_access.refused_as_too_strong(
            by, found, system.now()
        )
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            refused = await _too_often(connection, by)
            stored = refused or await _sealed_secret(connection, found.key)
            if isinstance(stored, Refused):
                return stored
            secret = self._unseal(stored)
            if isinstance(secret, Refused):
                return secret
            shown: audit.Facts = {"secret_id": stored.id, "display": stored.display}
            await audit.note(connection, by, ACTION, found.key.id, after=shown)
        return Revealed(found.key, stored, secret)

    async def _unproved(self, key: StoredKey, proof: Proof, by: Principal) -> Refused | None:
        if by.person is not None:
            if by.person.proved(system.now_ms()):
                return None
            return Refused(Reason.CONFIRMATION_REQUIRED, PROVE)
        if by.key is None:
            if proof.confirm == key.name:
                return None
            return Refused(
                Reason.CONFIRMATION_REQUIRED, "Send the key's name as 'confirm' to see its secret", "confirm"
            )
        text = proof.credential.reveal().encode("utf-8", "replace") if proof.credential else b""
        record = await self._lookup.by_digest(verifier.digest(text)) if text else None
        if record is not None and (record.id, record.secret_id) == (by.key.id, by.key.secret_id):
            return None
        message = "Send the API key that you call with as 'credential' too to see a secret"
        return Refused(Reason.CONFIRMATION_REQUIRED, message, "credential")

    def _unseal(self, stored: StoredSecret) -> Secret | Refused:
        try:
            return self._vault.unseal(sealed_for(stored.key_id, stored.id), stored.sealed or b"")
        except VaultError as error:
            return Refused(Reason.CONFLICT, f"The secret can't be shown: {error}")


async def _too_often(connection: AsyncConnection, by: Principal) -> Refused | None:
    now_ms = system.now_ms()
    seen = await entries.times_of(connection, by.name, ACTION, since_ms=now_ms - _HOUR_MS)
    if len(seen) < PER_HOUR:
        return None
    wait_s = (sorted(seen)[-PER_HOUR] + _HOUR_MS - now_ms) // 1000 + 1
    message = f"At most {PER_HOUR} secrets an hour can be shown to one caller"
    return Refused(Reason.RATE_LIMIT_EXCEEDED, message, retry_after_s=wait_s)


async def _sealed_secret(connection: AsyncConnection, key: StoredKey) -> StoredSecret | Refused:
    if not key.recoverable:
        message = "The secret of this key can't be shown: it was not created recoverable, so only a verifier is kept"
        return Refused(Reason.CONFLICT, message)
    held = (await keys.secrets_of(connection, [key.id]))[key.id]
    now_ms = system.now_ms()
    living = [one for one in held if secret_state(one.life(), now_ms) is not SecretState.DEAD]
    with_text = [one for one in living if one.sealed is not None]
    if not with_text:
        message = "No secret of this key that still works was kept; rotate the key to get one that is"
        return Refused(Reason.CONFLICT, message)
    return with_text[-1]
