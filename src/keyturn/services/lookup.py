"""Say who holds a secret."""

from keyturn.domain import verifier
from keyturn.domain.keys import KeyRecord
from keyturn.store import keys
from keyturn.store.engine import Store
from keyturn.store.vault import Vault


class Lookup:
    """Finds keys by the digest of a secret."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def by_digest(self, digest: bytes) -> KeyRecord | None:
        """Return who holds the secret with this SHA-256 digest, whatever the state of the key; ``None``: nobody.

        A verifier that was moved to another key inside the database is nobody's.
        """
        async with self._store.reading() as connection:
            found = await keys.find(connection, self._vault.verifiers(digest))
        if found is None:
            return None
        key, secret = found
        expected = self._vault.binding(secret.pepper_id, secret.verifier, key.id)
        return key.record() if verifier.matches(expected, secret.binding) else None
