"""Say who holds a secret."""

from collections.abc import Callable, Sequence

import msgspec

from keyturn.domain import verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.limits import CREDIT, NO_LIMITS, Bound, Scope, read_limits
from keyturn.domain.permissions import Permission
from keyturn.domain.policies import NO_POLICY, ProjectPolicy, read_policy
from keyturn.store.holders import Holder
from keyturn.store.vault import Vault

REMEMBERED = 10_000
_OPEN = ProjectPolicy()


class Lookup:
    """Finds keys by the digest of a secret.

    What was found is remembered until the database changes: that it has not costs a tenth of a look-up, and whoever
    calls often finds the same key each time. A change is seen by the first look-up behind it, whoever made it.
    """

    def __init__(
        self,
        find: Callable[[Sequence[bytes]], Holder | None],
        vault: Vault,
        renew: Callable[[Holder, bytes], None] | None = None,
        *,
        version: Callable[[], int] | None = None,
    ) -> None:
        """Take in how to ask.

        Args:
            find: Returns who holds the secret with one of these verifiers.
            vault: Makes verifiers.
            renew: Is told of a secret (its SHA-256 digest) whose verifier was not made with the newest pepper; must
                not keep the caller waiting.
            version: Returns a number that is another after each change of what ``find`` sees; ``None``: nothing is
                remembered.
        """
        self._find = find
        self._vault = vault
        self._renew = renew
        self._version = version
        self._seen = 0
        self._known: dict[tuple[bytes, ...], KeyRecord] = {}
        """By the verifiers under every pepper, so that a pepper that comes or goes changes what is asked."""

    async def by_digest(self, digest: bytes) -> KeyRecord | None:
        """Return who holds the secret with this SHA-256 digest, whatever the state of the key; ``None``: nobody.

        A verifier that was moved to another key inside the database is nobody's.
        """
        verifiers = tuple(self._vault.verifiers(digest))
        if self._version is None:
            return self._look(verifiers, digest)
        # Asked before anything is looked up: a change in between makes what is remembered too new, never too old.
        seen = self._version()
        if seen != self._seen:
            self._seen, self._known = seen, {}
        return self._known.get(verifiers) or self._look(verifiers, digest)

    def _look(self, verifiers: tuple[bytes, ...], digest: bytes) -> KeyRecord | None:
        holder = self._find(verifiers)
        if holder is None:
            return None
        expected = self._vault.binding(holder.pepper_id, holder.verifier, holder.key_id)
        if not verifier.matches(expected, holder.binding):
            return None
        found = record(holder)
        if holder.pepper_id == self._vault.newest_pepper:
            self._remember(verifiers, found)
        elif self._renew is not None:  # at every look-up, because it may not have been possible at the last
            self._renew(holder, digest)
        return found

    def _remember(self, verifiers: tuple[bytes, ...], found: KeyRecord) -> None:
        if self._version is None:
            return
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[verifiers] = found


def record(holder: Holder) -> KeyRecord:
    """Return what a worker needs to know of a secret and its key."""
    ends = [at for at in (holder.revoked_at, holder.deleted_at, holder.secret_revoked_at) if at is not None]
    policy = _OPEN if holder.policy == NO_POLICY else read_policy(holder.policy)
    known = KeyRecord(
        id=holder.key_id,
        name=holder.name,
        kind=Kind(holder.kind),
        permissions=frozenset(Permission(one) for one in holder.permissions.split()),
        secret_id=holder.secret_id,
        project_id=holder.project_id,
        account_id=holder.account_id,
        user_id=holder.user_id or "",
        environment=holder.environment,
        enabled=bool(holder.enabled),
        revoked_at=min(ends) / 1000 if ends else None,
        expires_at=_seconds(holder.expires_at),
        not_before=_seconds(holder.not_before),
        owner_active=bool(holder.account_active and holder.user_active),
        node_wide=bool(holder.first_account),
        models=tuple(holder.models.split()),
        endpoints=tuple(holder.endpoints.split()),
        ip=tuple(holder.ip.split()),
        origins=tuple(holder.origins.split()),
        locations=_locations(holder, policy),
        decoy=bool(holder.decoy),
        frozen=holder.frozen_at is not None,
        pending=holder.secret_activated_at is None,
        retires_at=_seconds(holder.secret_expires_at),
        deprecated_at=_seconds(
            holder.next_rotation_at if holder.successor_at is None else holder.successor_at
        ),
        self_rotation=bool(holder.self_rotation),
        limits=_bounds(holder),
        case_id=holder.case_id,
        store_bodies=policy.store_bodies,
    )
    return msgspec.structs.replace(known, plain=True) if _is_plain(known) else known


def _is_plain(known: KeyRecord) -> bool:
    return (
        known.kind is Kind.SECRET
        and known.enabled
        and known.owner_active
        and not (known.decoy or known.frozen or known.pending)
        and not (known.models or known.endpoints or known.ip or known.origins)
        and (known.revoked_at, known.expires_at, known.not_before) == (None, None, None)
        and (known.locations, known.retires_at, known.deprecated_at) == (None, None, None)
    )


def _bounds(holder: Holder) -> tuple[Bound, ...]:
    """Return what a request with this key is counted on, from the closest owner outwards."""
    written = (
        (holder.key_id, Scope.KEY, holder.limits),
        (holder.project_id, Scope.PROJECT, holder.project_limits),
        (holder.account_id, Scope.ACCOUNT, holder.account_limits),
        (holder.account_id, Scope.PLAN, holder.plan_limits or NO_LIMITS),
    )
    bounds = [
        Bound(owner_id, scope, limit, holder.time_zone)
        for owner_id, scope, limits in written
        for limit in read_limits(limits)
    ]
    if holder.prepaid:
        bounds.append(Bound(holder.account_id, Scope.ACCOUNT, CREDIT, holder.time_zone))
    return tuple(bounds)


def _locations(holder: Holder, asked: ProjectPolicy) -> frozenset[str] | None:
    """Return what the key and its project both allow; ``None`` when neither says anything."""
    own = None if holder.locations is None else frozenset(holder.locations.split())
    policy = asked.locations
    if own is None or policy is None:
        return own if policy is None else frozenset(policy)
    return own & frozenset(policy)


def _seconds(at_ms: int | None) -> float | None:
    return None if at_ms is None else at_ms / 1000
