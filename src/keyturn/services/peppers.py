"""Peppers: make a newer one, and have every verifier made with it as its secret is next looked up.

A verifier can be made only from the secret, which the node sees when it is used. So both peppers are in force after a
rotation; what is looked up moves to the newer one in the background, and an older one may go when nothing refers to it.
"""

import msgspec

from keyturn import system
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import audit
from keyturn.services.workers import Workers
from keyturn.store import sealed
from keyturn.store.engine import WITH_CHANGE, Store
from keyturn.store.holders import Holder
from keyturn.store.sealed import Renewed
from keyturn.store.vault import Vault

SETTLED_S = 60.0
"""How long a pepper is kept after the next one was made: a key that was being made with it is stored by then."""
BATCH = 500
TARGET = "peppers"
"""What the audit log calls them."""


class PepperState(msgspec.Struct, frozen=True):
    """A pepper and how much refers to it."""

    name: str
    newest: bool
    """New verifiers are made with it."""
    file: bool
    """It stands in a file of the data directory; otherwise it came with the settings."""
    secrets: int
    """Verifiers made with it."""


class Peppers:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, workers: Workers) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers

    async def status(self) -> list[PepperState]:
        """Return the peppers, oldest first."""
        async with self._store.reading() as connection:
            counted = await sealed.count_by_pepper(connection)
        newest = self._vault.newest_pepper
        return [
            PepperState(name, name == newest, self._vault.is_file(name), counted.get(name, 0))
            for name in self._vault.peppers
        ]

    async def rotate(self, *, by: Principal) -> list[PepperState] | Refused:
        """Make a newer pepper; no key stops working.

        Workers forget what they know of keys, so that each is looked up, and moves, at its next use.
        """
        if self._vault.peppers_given:
            message = (
                "The pepper comes from the setting vault.pepper; add the next one there and restart the node"
            )
            return Refused(Reason.CONFLICT, message)
        before = self._vault.newest_pepper
        async with self._store.writing() as connection:
            name = self._vault.rotate_pepper()
            await audit.note(
                connection, by, "pepper.rotate", TARGET, before={"newest": before}, after={"newest": name}
            )
        await self._workers.publish()
        return await self.status()

    async def prune(self, *, by: Principal) -> list[PepperState] | Refused:
        """Delete the older peppers that nothing refers to."""
        if self._vault.newest_pepper_age_s() < SETTLED_S:
            message = f"The newest pepper is less than {SETTLED_S:.0f} s old; ask again when it is older"
            return Refused(Reason.CONFLICT, message)
        async with self._store.writing() as connection:
            counted = await sealed.count_by_pepper(connection)
            newest = self._vault.newest_pepper
            unused = [
                name
                for name in self._vault.peppers
                if name != newest and name not in counted and self._vault.is_file(name)
            ]
            if unused:
                await audit.note(connection, by, "pepper.prune", TARGET, before={"peppers": unused})
        for name in unused:  # behind the commit: a file too many does no harm
            self._vault.remove_pepper(name)
        return await self.status()


class Renewal:
    """Moves verifiers to the newest pepper while their secrets are at hand."""

    def __init__(self, store: Store, vault: Vault, tasks: system.Tasks) -> None:
        self._store = store
        self._vault = vault
        self._tasks = tasks
        self._waiting: dict[str, tuple[Holder, bytes]] = {}

    def renew(self, holder: Holder, digest: bytes) -> None:
        """Make a verifier anew with the newest pepper, in the background; whoever looked the secret up need not wait.

        Args:
            holder: Who holds the secret, the verifier proved against its binding.
            digest: SHA-256 of the secret.
        """
        idle = not self._waiting
        if len(self._waiting) < BATCH:  # what does not fit is looked up another time
            self._waiting[holder.secret_id] = (holder, digest)
        if idle:
            self._tasks.spawn(self._renew(), name="renew verifiers")

    async def _renew(self) -> None:
        WITH_CHANGE.set(
            None
        )  # it may have been a call that looked the secret up, and this is none of its changes
        try:
            async with self._store.writing() as connection:
                await sealed.renew(connection, self._made_anew())
        except Exception:
            self._waiting = {}  # or nobody would begin again
            raise

    def _made_anew(self) -> list[Renewed]:
        waiting, self._waiting = self._waiting, {}
        renewed = []
        for holder, digest in waiting.values():
            pepper, stored = self._vault.verifier(digest)
            binding = self._vault.binding(pepper, stored, holder.key_id)
            renewed.append(Renewed(holder.secret_id, holder.verifier, stored, binding, pepper))
        return renewed
