"""What can be asked of a key, at its creation and later, and how it is kept and told."""

import base64

import msgspec
from msgspec import UNSET, UnsetType, structs

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import rfc3339
from keyturn.domain.limits import Limit, write_limits
from keyturn.domain.permissions import PRESETS, Permission, Preset
from keyturn.domain.restrictions import network_of, origin_of
from keyturn.services.audit import Facts
from keyturn.store.keys import StoredKey

Texts = tuple[str, ...]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; ``UNSET`` leaves it as it is, or as it is by default.

    Times are milliseconds since 1970 UTC. An empty list of models, endpoints, addresses or origins restricts nothing.
    The preset's permissions hold unless ``permissions`` are listed.
    """

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    preset: Preset | UnsetType | None = UNSET
    permissions: frozenset[Permission] | UnsetType | None = UNSET
    environment: str | UnsetType = UNSET
    models: Texts | UnsetType = UNSET
    endpoints: Texts | UnsetType = UNSET
    ip: Texts | UnsetType = UNSET
    """Addresses, or networks in CIDR notation."""
    origins: Texts | UnsetType = UNSET
    locations: Texts | UnsetType | None = UNSET
    """Where it may be presented; ``None``: as its project says."""
    not_before_ms: int | UnsetType | None = UNSET
    expires_at_ms: int | UnsetType | None = UNSET
    recoverable: bool | UnsetType = UNSET
    delete_protected: bool | UnsetType = UNSET
    rotate_every_days: int | UnsetType | None = UNSET
    overlap_hours: int | UnsetType = UNSET
    self_rotation: bool | UnsetType = UNSET
    sealing_key: str | UnsetType | None = UNSET
    """An X25519 public key: 32 bytes in base64."""
    sink: str | UnsetType = UNSET
    """An absolute path; empty: none."""
    tags: Texts | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    limits: tuple[Limit, ...] | UnsetType = UNSET
    """All of them; empty: none but those of its owners."""


class NewKey(Terms, frozen=True, kw_only=True):
    """A key that is asked for; what stands here can't be changed later."""

    name: str
    kind: Kind = Kind.SECRET
    project: str = ""
    """Identifier or name; empty: that of the key that asks, or the first."""
    user: str = ""
    """Whose personal key it is: identifier or e-mail address; empty: a service key."""
    decoy: bool = False
    """Nobody should ever use it: whoever does has found it where it was laid out."""


_PLAIN = {
    "name": "name",
    "description": "description",
    "environment": "environment",
    "not_before_ms": "not_before",
    "expires_at_ms": "expires_at",
    "recoverable": "recoverable",
    "delete_protected": "delete_protected",
    "rotate_every_days": "rotate_every_days",
    "overlap_hours": "overlap_hours",
    "self_rotation": "self_rotation",
    "sink": "sink",
}
"""Members that are kept as they are, and the columns they are kept in."""


def applied(key: StoredKey, terms: Terms) -> StoredKey:
    """Return a key as it is when these terms, which passed ``key_checks``, hold."""
    changes: dict[str, object] = {
        column: getattr(terms, member)
        for member, column in _PLAIN.items()
        if getattr(terms, member) is not UNSET
    }
    if isinstance(terms.models, tuple):
        changes["models"] = " ".join(dict.fromkeys(terms.models))
    if isinstance(terms.endpoints, tuple):
        changes["endpoints"] = " ".join(dict.fromkeys(terms.endpoints))
    if isinstance(terms.ip, tuple):
        changes["ip"] = " ".join(dict.fromkeys(str(network_of(one)) for one in terms.ip))
    if isinstance(terms.origins, tuple):
        changes["origins"] = " ".join(dict.fromkeys(origin_of(one) or "" for one in terms.origins))
    if not isinstance(terms.locations, UnsetType):
        changes["locations"] = None if terms.locations is None else " ".join(sorted(set(terms.locations)))
    if not isinstance(terms.sealing_key, UnsetType):
        given = terms.sealing_key
        changes["sealing_key"] = None if given is None else base64.b64decode(given)
    if isinstance(terms.tags, tuple):
        changes["tags"] = " ".join(sorted(set(terms.tags)))
    if isinstance(terms.metadata, dict):
        changes["metadata"] = msgspec.json.encode(terms.metadata, order="sorted").decode()
    if isinstance(terms.limits, tuple):
        changes["limits"] = write_limits(terms.limits)
    return structs.replace(key, **changes, **_rights(terms))


def _rights(terms: Terms) -> dict[str, object]:
    """Return the columns of permissions and preset; listed permissions win, and keep the name of their preset."""
    preset = terms.preset if isinstance(terms.preset, Preset) else None
    if isinstance(terms.permissions, frozenset):
        granted = terms.permissions
    elif preset is not None:
        granted = PRESETS[preset]
    else:
        return {}
    named = preset is not None and PRESETS[preset] == granted
    return {
        "permissions": " ".join(sorted(granted)),
        "preset": preset.value if preset is not None and named else "",
    }


def facts(key: StoredKey) -> Facts:
    """Return a key as the audit log tells of it; there is nothing secret in it."""
    found = structs.asdict(key)
    for column in ("revoked_at", "expires_at", "deleted_at", "created_at", "not_before"):
        found[column] = _moment(found[column])
    for column in ("next_rotation_at", "frozen_at"):
        found[column] = _moment(found[column])
    for column in ("permissions", "models", "endpoints", "ip", "origins", "tags"):
        found[column] = found[column].split()
    found["locations"] = None if key.locations is None else key.locations.split()
    found["limits"] = msgspec.json.decode(key.limits)
    found["metadata"] = msgspec.json.decode(key.metadata)
    found["sealing_key"] = None if key.sealing_key is None else base64.b64encode(key.sealing_key).decode()
    return found


def differences(before: StoredKey, after: StoredKey) -> tuple[Facts, Facts]:
    """Return what two states of a key do not share, as it was and as it is; the version aside."""
    old, new = facts(before), facts(after)
    changed = [name for name in old if old[name] != new[name] and name != "version"]
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms / 1000)
