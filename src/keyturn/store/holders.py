"""Who holds a secret, as stored."""

import msgspec

from keyturn.domain.limits import NO_LIMITS


class Holder(msgspec.Struct, frozen=True):
    """A secret with its key and owners, as stored. Times are milliseconds since 1970 UTC."""

    secret_id: str
    verifier: bytes
    binding: bytes
    pepper_id: str
    secret_activated_at: int | None
    secret_expires_at: int | None
    secret_revoked_at: int | None
    key_id: str
    name: str
    kind: str
    permissions: str
    enabled: int
    revoked_at: int | None
    expires_at: int | None
    deleted_at: int | None
    user_id: str | None
    environment: str
    not_before: int | None
    models: str
    endpoints: str
    ip: str
    origins: str
    locations: str | None
    decoy: int
    frozen_at: int | None
    self_rotation: int
    project_id: str
    policy: str
    """Of the project."""
    account_id: str
    account_active: int
    user_active: int
    first_account: int
    """It is the operator's own."""
    successor_at: int | None
    """When the key got a newer secret."""
    next_rotation_at: int | None
    """When its policy gives the key a newer secret."""
    limits: str = NO_LIMITS
    """``domain.limits`` as JSON; of the key."""
    project_limits: str = NO_LIMITS
    account_limits: str = NO_LIMITS
    plan_limits: str | None = None
    """``None``: the account has no plan."""
    time_zone: str = "UTC"
    prepaid: int = 0
    """Without credit nothing is served."""
    case_id: str = ""
