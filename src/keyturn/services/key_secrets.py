"""One secret of a key ended alone: a rotated one in its overlap, or a new one that nobody has used yet."""

from collections.abc import Sequence

from keyturn import system
from keyturn.domain.keys import SecretState, secret_state
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.audit import Facts, note
from keyturn.services.key_access import find
from keyturn.services.keys import Key, views
from keyturn.services.workers import Workers
from keyturn.store import keys
from keyturn.store.engine import Store
from keyturn.store.keys import StoredSecret

KEPT = "This is the secret that the key is used with; rotate the key with revoke_old, or revoke the key"


class KeySecrets:
    """The use case. A key is named by its identifier, or by its name when only one within reach has it."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers

    async def revoke(self, id_or_name: str, secret_id: str, *, by: Principal) -> Key | Refused:
        """End one secret for good; on return no worker takes it any more, and the key's others work on.

        The newest one in use stays: a key without it would be dead and look alive. One that is dead already is told
        the workers again, because not all of them may have confirmed the first time.
        """
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            found = await find(connection, id_or_name, by)
            if isinstance(found, Refused):
                return found
            key_id = found.key.id
            secrets = (await keys.secrets_of(connection, [key_id]))[key_id]
            secret = next((one for one in secrets if one.id == secret_id), None)
            if secret is None:
                return Refused(Reason.RESOURCE_NOT_FOUND, "The key has no such secret")
            if secret.id == needed(secrets, now_ms):
                return Refused(Reason.CONFLICT, KEPT)
            if secret_state(secret.life(), now_ms) is not SecretState.DEAD:
                await keys.end_secret(connection, secret.id, now_ms=now_ms)
                await keys.change(connection, key_id, {})
                before: Facts = {"state": secret_state(secret.life(), now_ms).value}
                after: Facts = {"secret": secret.id, "display": secret.display, "state": "dead"}
                await note(connection, by, "secret.revoke", key_id, before=before, after=after)
            changed = await keys.get(connection, key_id)
            [shown] = await views(connection, [changed or found.key], now_ms)
        await self._workers.invalidate([key_id])
        return shown


def needed(secrets: Sequence[StoredSecret], now_ms: int) -> str:
    """Return the one that can't be ended alone: the newest in use, or else the newest that lives; empty: none lives.

    Args:
        secrets: All of a key, oldest first.
        now_ms: Milliseconds since 1970 UTC.
    """
    live = [one for one in secrets if secret_state(one.life(), now_ms) is not SecretState.DEAD]
    used = [one for one in live if one.activated_at is not None]
    newest = (used or live)[-1:]
    return newest[0].id if newest else ""
