"""Is one key stronger than another? A key makes, changes and enables only keys that are no stronger than itself.

Key A is no stronger than key B if every call that A may make, B may make too, from now on. It is compared member by
member and errs on the safe side: each pattern, network and origin of A must lie inside one of B's. What a key does
not restrict reaches everything. The relation is reflexive and transitive.

Each limit of B's own must be matched by one of A's own. What A then uses is counted for A, not for B: what many keys
may use together is bounded by the limits of their project and account, which no key inside can loosen.
"""

from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.limits import Limit, Scope, loosened
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.principal import Principal
from keyturn.domain.restrictions import allows_name, allows_origin, network_of
from keyturn.domain.roles import Role

PLACES = frozenset({"header", "query", "body"})
"""Where a key can be presented at all."""


def too_strong(child: KeyRecord, parent: KeyRecord, now: float) -> str | None:
    """Return the member in which ``child`` reaches further than ``parent``; ``None``: in none.

    A management key calls no models itself, but issues the keys that do: its lists bound theirs.

    Args:
        child: The key that shall be made, changed or enabled; as it would be.
        parent: The key of whoever asks; in use, so its own start is not in the way unless it lies ahead.
        now: Seconds since 1970 UTC.
    """
    checks = (
        ("kind", _kind_reaches(child, parent)),
        ("permissions", all(permits(parent.permissions, one) for one in child.permissions)),
        ("project_id", Principal(parent.id, key=parent).reaches(child.account_id, child.project_id)),
        ("user_id", _holder_reaches(child, parent)),
        ("models", _names_cover(parent.models, child.models)),
        ("endpoints", _names_cover(parent.endpoints, child.endpoints)),
        ("ip", _networks_cover(parent.ip, child.ip)),
        ("origins", _origins_cover(parent.origins, child.origins)),
        ("locations", _places(child.locations) <= _places(parent.locations)),
        ("not_before", _begins(child, now) >= _begins(parent, now)),
        ("expires_at", _ends(child) <= _ends(parent)),
        ("limits", not loosened(_own_limits(parent), _own_limits(child), now)),
    )
    return next((member for member, covered in checks if not covered), None)


def too_strong_for(key: KeyRecord, by: Principal) -> str | None:
    """Return the member in which a key reaches further than somebody who has signed in; ``None``: in none.

    Who administers an account may make whatever stays inside it. A member makes personal keys of their own, that call models
    and manage nothing; anybody else makes none.

    Args:
        key: As it is, or as it would be.
        by: Who asks; a person.
    """
    person = by.person
    if person is None or person.role is Role.VIEWER:
        return "permissions"
    if not by.reaches(key.account_id, key.project_id):
        return "project_id"
    if person.role.administers:
        return None
    checks = (
        ("kind", key.kind is not Kind.MANAGEMENT),
        ("permissions", key.permissions <= {Permission.READ}),
        ("user_id", key.user_id == person.id),
    )
    return next((member for member, covered in checks if not covered), None)


def _kind_reaches(child: KeyRecord, parent: KeyRecord) -> bool:
    return parent.kind is not Kind.PUBLISHABLE or child.kind is Kind.PUBLISHABLE


def _holder_reaches(child: KeyRecord, parent: KeyRecord) -> bool:
    """Say whether the end of the person who holds ``parent`` is the end of ``child`` too, where it must be."""
    if not parent.user_id or Permission.ADMIN in parent.permissions:
        return True
    return child.user_id == parent.user_id


def _names_cover(parent: tuple[str, ...], child: tuple[str, ...]) -> bool:
    # A star in the child's pattern is matched by a star of the parent's only: what it stands for is, then, too.
    return not parent or (bool(child) and all(allows_name(parent, one) for one in child))


def _networks_cover(parent: tuple[str, ...], child: tuple[str, ...]) -> bool:
    return not parent or (bool(child) and all(_network_in(parent, one) for one in child))


def _network_in(parent: tuple[str, ...], text: str) -> bool:
    inner = network_of(text)
    if inner is None:
        return False
    for one in parent:
        outer = network_of(one)
        if outer is not None and outer.version == inner.version:
            first, last = int(outer.network_address), int(outer.broadcast_address)
            if first <= int(inner.network_address) and int(inner.broadcast_address) <= last:
                return True
    return False


def _origins_cover(parent: tuple[str, ...], child: tuple[str, ...]) -> bool:
    covered = (one in parent or allows_origin(parent, one) for one in child)
    return not parent or (bool(child) and all(covered))


def _places(locations: frozenset[str] | None) -> frozenset[str]:
    return PLACES if locations is None else locations


def _begins(key: KeyRecord, now: float) -> float:
    return now if key.not_before is None else max(now, key.not_before)


def _ends(key: KeyRecord) -> float:
    return float("inf") if key.expires_at is None else key.expires_at


def _own_limits(key: KeyRecord) -> list[Limit]:
    """Return the limits of the key itself; those of its owners hold for every key that they have."""
    return [bound.limit for bound in key.limits if bound.scope is Scope.KEY]
