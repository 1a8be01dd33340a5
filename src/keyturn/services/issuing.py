"""Make keys and secrets; nothing is stored here."""

import msgspec

from keyturn import system
from keyturn.domain import ids, key_text, verifier
from keyturn.domain.key_text import Kind
from keyturn.domain.limits import Limit, Metric, Window
from keyturn.domain.permissions import Preset
from keyturn.domain.secret import Secret
from keyturn.services.key_terms import NewKey, applied
from keyturn.store.keys import StoredKey, StoredSecret
from keyturn.store.vault import Vault

DAY_MS = 86_400_000
PUBLISHABLE_LIMITS = (
    Limit(Metric.REQUESTS, Window.MINUTE, 60),
    Limit(Metric.CONCURRENCY, Window.NONE, 5),
)
"""What a publishable key starts with unless its limits are said: it is in everybody's hands."""


def mint(
    vault: Vault, wanted: NewKey, *, project_id: str, by: str, now_ms: int
) -> tuple[StoredKey, Secret, StoredSecret]:
    """Make a key, which passed ``key_checks``, and a secret for it."""
    key = draft(wanted, project_id=project_id, by=by, now_ms=now_ms)
    secret, stored = new_secret(vault, key, now_ms=now_ms)
    return key, secret, stored


def draft(wanted: NewKey, *, project_id: str, by: str, now_ms: int) -> StoredKey:
    """Make a key without a secret."""
    if not isinstance(wanted.preset, Preset) and not isinstance(wanted.permissions, frozenset):
        usual = {Kind.MANAGEMENT: Preset.ADMIN, Kind.PUBLISHABLE: Preset.READ_ONLY}
        wanted = msgspec.structs.replace(wanted, preset=usual.get(wanted.kind, Preset.PRODUCTION))
    if wanted.kind is Kind.PUBLISHABLE and not isinstance(wanted.limits, tuple):
        wanted = msgspec.structs.replace(wanted, limits=PUBLISHABLE_LIMITS)
    bare = StoredKey(
        id=system.new_id(ids.KEY),
        project_id=project_id,
        name=wanted.name,
        description="",
        kind=wanted.kind.value,
        preset="",
        permissions="",
        enabled=True,
        revoked_at=None,
        expires_at=None,
        deleted_at=None,
        created_at=now_ms,
        created_by=by,
        version=1,
        user_id=wanted.user or None,
        decoy=wanted.decoy,
    )
    key = applied(bare, wanted)
    return msgspec.structs.replace(key, next_rotation_at=next_rotation(key, now_ms, now_ms=now_ms))


def next_rotation(key: StoredKey, since_ms: int, *, now_ms: int) -> int | None:
    """Return when a key is due for its next secret, ``None`` when only if somebody asks.

    Args:
        key: Says how often.
        since_ms: When its newest secret was made.
        now_ms: Now; a key that is overdue gets a day's notice.
    """
    if key.rotate_every_days is None:
        return None
    return max(since_ms + key.rotate_every_days * DAY_MS, now_ms + DAY_MS)


def new_secret(
    vault: Vault, key: StoredKey, *, now_ms: int, pending: bool = False
) -> tuple[Secret, StoredSecret]:
    """Make a secret for a key, sealed too if the key is recoverable.

    Args:
        vault: Makes the verifier, and seals.
        key: Whose.
        now_ms: Milliseconds since 1970 UTC.
        pending: It waits for its first use, as the successor of another.
    """
    secret = system.new_key(Kind(key.kind))
    secret_id = system.new_id(ids.SECRET)
    pepper_id, stored = vault.verifier(verifier.digest(secret.reveal().encode()))
    return secret, StoredSecret(
        id=secret_id,
        key_id=key.id,
        verifier=stored,
        binding=vault.binding(pepper_id, stored, key.id),
        pepper_id=pepper_id,
        display=key_text.display(secret),
        created_at=now_ms,
        activated_at=None if pending else now_ms,
        sealed=vault.seal(sealed_for(key.id, secret_id), secret) if key.recoverable else None,
    )


def sealed_for(key_id: str, secret_id: str) -> str:
    """Return what the sealed text of a secret is bound to: moved to another row, it does not open."""
    return f"secret:{key_id}:{secret_id}"
