"""What a key may do. A permission belongs to an operation, never to an HTTP method."""

from enum import StrEnum


class Permission(StrEnum):
    """One right; the value is what stands in the API and the store."""

    READ = "read"
    """Read data and generate content."""
    WRITE = "write"
    """Create and update resources."""
    ADMIN = "admin"
    """Everything."""
    WEBHOOK = "webhook"
    """Manage webhooks."""


class Preset(StrEnum):
    """A named set of permissions to start a key from."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"
    READ_ONLY = "read-only"
    ADMIN = "admin"


PRESETS: dict[Preset, frozenset[Permission]] = {
    Preset.DEVELOPMENT: frozenset({Permission.READ, Permission.WRITE}),
    Preset.PRODUCTION: frozenset({Permission.READ}),
    Preset.READ_ONLY: frozenset({Permission.READ}),
    Preset.ADMIN: frozenset({Permission.ADMIN}),
}


def permits(granted: frozenset[Permission], needed: Permission) -> bool:
    """Say whether ``granted`` covers ``needed``: itself or admin, nothing else is implied."""
    return needed in granted or Permission.ADMIN in granted
