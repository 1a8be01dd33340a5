"""Take over keys from other systems, so that their holders keep their secrets."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import ids
from keyturn.domain.foreign_keys import ForeignKey, Shape, Source, problem_with_shape
from keyturn.domain.permissions import Preset
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import audit, key_access
from keyturn.services.issuing import draft
from keyturn.services.key_checks import refused_by_form
from keyturn.services.key_terms import NewKey, Terms, applied
from keyturn.services.workers import Workers
from keyturn.store import foreign_shapes, keys
from keyturn.store.engine import Store
from keyturn.store.keys import Owner, StoredKey, StoredSecret
from keyturn.store.vault import Vault

BATCH = 500
"""Keys that are stored at once; between two batches other calls have their turn."""
MOST_SHAPES = 100
"""Each shape costs every malformed key a comparison in the worker."""


class Imported(msgspec.Struct, frozen=True):
    """What came of an import."""

    project_id: str
    imported: int
    duplicates: int
    """Secrets that were here before, or stood in the file twice; skipped."""
    dry_run: bool


class _Undone(Exception):
    """Leaves the transaction without a trace."""

    def __init__(self, result: Imported | Refused) -> None:
        super().__init__("undone")
        self.result = result


class Imports:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, workers: Workers) -> None:
        self._store = store
        self._vault = vault
        self._workers = workers

    async def take(
        self, source: Source, wanted: Sequence[ForeignKey], *, project: str, dry_run: bool, by: Principal
    ) -> Imported | Refused:
        """Take over keys, all of them or none; on return their old secrets are let in everywhere.

        Args:
            source: Where they come from.
            wanted: The keys, each with what its secret may look like.
            project: Identifier or name of the project they shall belong to; empty: the first.
            dry_run: Do everything, then undo it.
            by: Who asks.
        """
        refused = _refused_shapes(wanted) or _refused_keys(wanted)
        if refused is not None:
            return refused
        try:
            async with self._store.writing() as connection:
                done = await self._take(connection, source, wanted, project, by)
                kept = _unless_undone(done, dry_run=dry_run)
        except _Undone as undone:
            result = undone.result
            return result if isinstance(result, Refused) else msgspec.structs.replace(result, dry_run=True)
        if kept.imported:
            await self._workers.publish()
        return kept

    async def _take(
        self,
        connection: AsyncConnection,
        source: Source,
        wanted: Sequence[ForeignKey],
        project: str,
        by: Principal,
    ) -> Imported | Refused:
        owner = await key_access.project_for(connection, project, by)
        if isinstance(owner, Refused):
            return owner
        new_shapes = {shape for one in wanted for shape in one.shapes}
        new_shapes -= await foreign_shapes.everything(connection)
        await foreign_shapes.add(connection, new_shapes)
        if len(await foreign_shapes.everything(connection)) > MOST_SHAPES:
            message = f"Secrets of more than {MOST_SHAPES} different prefixes and lengths can't be looked up"
            return Refused(Reason.INVALID_MEMBER, message, "keys")
        now_ms = system.now_ms()
        bare = draft(
            NewKey(name=source.value, preset=Preset.PRODUCTION),
            project_id=owner.project_id,
            by=by.name,
            now_ms=now_ms,
        )
        unique = list({one.digest: one for one in wanted}.values())
        imported = 0
        for start in range(0, len(unique), BATCH):
            made = [self._made(bare, one) for one in unique[start : start + BATCH]]
            refused = _refused_rights([key for key, _, _ in made], owner, by)
            if refused is not None:
                return refused
            known = await keys.verifiers_known(connection, [each for _, _, tried in made for each in tried])
            new = [(key, secret) for key, secret, tried in made if known.isdisjoint(tried)]
            await keys.add_all(connection, new)
            imported += len(new)
        result = Imported(owner.project_id, imported, len(wanted) - imported, dry_run=False)
        facts: audit.Facts = {"source": source.value, "imported": imported, "duplicates": result.duplicates}
        await audit.note(connection, by, "key.import", owner.project_id, after=facts)
        return result

    def _made(self, bare: StoredKey, wanted: ForeignKey) -> tuple[StoredKey, StoredSecret, list[bytes]]:
        """Make a key with its secret's verifier, and the verifiers it would have with other peppers."""
        key = msgspec.structs.replace(
            applied(bare, _terms(wanted)), id=system.new_id(ids.KEY), enabled=wanted.enabled
        )
        pepper_id, stored = self._vault.verifier(wanted.digest)
        secret = StoredSecret(
            id=system.new_id(ids.SECRET),
            key_id=key.id,
            verifier=stored,
            binding=self._vault.binding(pepper_id, stored, key.id),
            pepper_id=pepper_id,
            display=wanted.display,
            created_at=bare.created_at,
            activated_at=bare.created_at,
        )
        return key, secret, self._vault.verifiers(wanted.digest)


def _refused_rights(made: Sequence[StoredKey], owner: Owner, by: Principal) -> Refused | None:
    """Refuse to take over a key that is stronger than the caller's own: its secret is the caller's to choose."""
    now = system.now()
    found = (key_access.refused_as_too_strong(by, key_access.Owned(key, owner), now) for key in made)
    return next((refused for refused in found if refused is not None), None)


def _unless_undone(done: Imported | Refused, *, dry_run: bool) -> Imported:
    if isinstance(done, Refused) or dry_run:
        raise _Undone(done)
    return done


def _terms(wanted: ForeignKey) -> Terms:
    return Terms(
        name=wanted.name,
        models=wanted.models,
        ip=wanted.ip,
        expires_at_ms=wanted.expires_at_ms,
        metadata=wanted.metadata,
        limits=wanted.limits,
    )


def _refused_keys(wanted: Sequence[ForeignKey]) -> Refused | None:
    for number, one in enumerate(wanted):
        refused = refused_by_form(_terms(one))
        if refused is not None:
            return msgspec.structs.replace(refused, param=f"keys[{number}].{refused.param}")
    return None


def _refused_shapes(wanted: Sequence[ForeignKey]) -> Refused | None:
    judged: dict[Shape, str | None] = {}
    for number, one in enumerate(wanted):
        for shape in one.shapes:
            if shape not in judged:
                judged[shape] = problem_with_shape(shape)
            problem = judged[shape]
            if problem is not None:
                return Refused(Reason.INVALID_MEMBER, problem.capitalize(), f"keys[{number}].shapes")
    return None
