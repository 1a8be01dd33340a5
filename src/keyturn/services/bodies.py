"""What was asked and answered: kept, sealed, where a project wants it, and shown to its administrators.

Each look is written to the audit log.
"""

from collections.abc import Sequence

import msgspec

from keyturn.domain.bodies import Exchanged, without_keys
from keyturn.domain.policies import read_policy
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import note
from keyturn.store import bodies
from keyturn.store.engine import Store
from keyturn.store.vault import Vault, VaultError


class Bodies:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def keep(self, exchanged: Sequence[Exchanged]) -> None:
        """Store bodies, those of projects that want it now: a worker may have begun before it was switched off."""
        sealed = [(one.key_id, (one.request_id, self._seal(one))) for one in exchanged]
        async with self._store.writing() as connection:
            found = await bodies.policies_of(connection, (key_id for key_id, _ in sealed))
            wanted = {key_id for key_id, policy in found.items() if read_policy(policy).store_bodies}
            await bodies.keep(connection, [one for key_id, one in sealed if key_id in wanted])

    def _seal(self, exchanged: Exchanged) -> bytes:
        kept = msgspec.structs.replace(
            exchanged, request=without_keys(exchanged.request), answer=without_keys(exchanged.answer)
        )
        return self._vault.seal(_owner(exchanged.request_id), Secret(msgspec.json.encode(kept).decode()))

    async def show(self, request_id: str, *, by: Principal) -> Exchanged | Refused:
        """Return the bodies of a request; whether the caller may see it is the caller's business.

        Args:
            request_id: Of the request.
            by: Who looks, for the audit log.
        """
        async with self._store.reading() as connection:
            sealed = await bodies.of_request(connection, request_id)
        if sealed is None:
            message = "No bodies of this request are kept: its project did not want it, or they were lost or too old"
            return Refused(Reason.RESOURCE_NOT_FOUND, message)
        try:
            text = self._vault.unseal(_owner(request_id), sealed).reveal()
        except VaultError as error:
            return Refused(Reason.CONFLICT, f"The bodies can't be shown: {error}")
        found = msgspec.json.decode(text, type=Exchanged)
        async with self._store.writing() as connection:
            await note(connection, by, "request.bodies", request_id, after={"key_id": found.key_id})
        return found


def _owner(request_id: str) -> str:
    return f"bodies:{request_id}"
