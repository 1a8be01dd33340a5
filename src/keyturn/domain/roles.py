"""What people may do in an account. A role belongs to a person; keys have permissions instead."""

from enum import StrEnum

import msgspec

from keyturn.domain.operations import OPERATIONS, Needs
from keyturn.domain.permissions import Permission


class Role(StrEnum):
    """One of four, from the widest to the narrowest."""

    OWNER = "owner"
    """Everything in the account, the other owners included."""
    ADMIN = "admin"
    """Everything but owners."""
    MEMBER = "member"
    """Sees and manages personal keys of their own."""
    VIEWER = "viewer"
    """Sees everything but what was asked and answered, and changes nothing."""

    @property
    def administers(self) -> bool:
        """Say whether it is a role that changes the account."""
        return self in {Role.OWNER, Role.ADMIN}


class Person(msgspec.Struct, frozen=True):
    """Somebody who has signed in."""

    id: str
    account_id: str
    role: Role
    first_account: bool
    """The account is the operator's own: who administers it, administers the node."""
    session_id: str = ""
    proved_until_ms: int = 0
    """For how long it counts that they have shown that it is them; milliseconds since 1970 UTC."""

    @property
    def node_wide(self) -> bool:
        """Say whether they reach every account."""
        return self.first_account and self.role.administers

    def proved(self, now_ms: int) -> bool:
        """Say whether they have shown lately that it is them."""
        return now_ms < self.proved_until_ms


_OF_MEMBERS = frozenset(
    {
        ("GET", "/api/v1/keys"),
        ("POST", "/api/v1/keys"),
        ("GET", "/api/v1/keys/{key_id}"),
        ("PATCH", "/api/v1/keys/{key_id}"),
        ("DELETE", "/api/v1/keys/{key_id}"),
        ("POST", "/api/v1/keys/{key_id}/enable"),
        ("POST", "/api/v1/keys/{key_id}/disable"),
        ("POST", "/api/v1/keys/{key_id}/revoke"),
        ("POST", "/api/v1/keys/{key_id}/rotate"),
        ("DELETE", "/api/v1/keys/{key_id}/secrets/{secret_id}"),
        ("POST", "/api/v1/keys/{key_id}/reveal"),
        ("POST", "/api/v1/keys/{key_id}/simulate"),
        ("GET", "/api/v1/keys/{key_id}/limits"),
        ("GET", "/api/v1/keys/{key_id}/usage"),
        ("GET", "/api/v1/projects"),
        ("GET", "/api/v1/projects/{project_id}"),
        ("GET", "/api/v1/usage"),
        ("GET", "/api/v1/usage/export"),
        ("GET", "/api/v1/requests"),
        ("GET", "/api/v1/requests/export"),
        ("GET", "/api/v1/requests/{request_id}"),
    }
)
"""What members may do, each with what is their own."""
_NOT_FOR_VIEWERS = frozenset({("GET", "/api/v1/requests/{request_id}/bodies")})


PROVE = "Show once more that it is you; then try again"
"""What somebody is told who has not lately."""
_WITH_PROOF = frozenset(
    {
        ("POST", "/api/v1/keys/{key_id}/reveal"),
        ("PATCH", "/api/v1/settings"),
        ("PATCH", "/api/v1/upstreams/{name}"),
        ("POST", "/api/v1/users/{user_id}/reset-second-factor"),
    }
)
"""Beside everything that deletes."""


def narrows(before: Role, after: Role) -> bool:
    """Say whether somebody with the role ``after`` may no more do everything that they might with ``before``."""
    return before is not after and after is not Role.OWNER and (before.administers or not after.administers)


def needs_proof(method: str, path: str) -> bool:
    """Say whether somebody must have shown lately that it is them; ``path`` as ``domain.operations`` writes it."""
    return method == "DELETE" or (method, path) in _WITH_PROOF


def may(person: Person, method: str, path: str) -> bool:
    """Say whether somebody may do what a route stands for; how far it reaches is another question.

    Args:
        person: Who.
        method: Of the route.
        path: Of the route, as ``domain.operations`` writes it.
    """
    needs = OPERATIONS.get((method, path), Needs(operator=True))
    if needs.anyone:
        return True
    if (
        needs.operator or needs.permission is None
    ):  # for whoever is at the machine; for what belongs to a key itself
        return False
    if needs.node:
        return person.node_wide
    if person.role.administers:
        return True
    if person.role is Role.MEMBER:
        return (method, path) in _OF_MEMBERS
    reads = method == "GET" and (method, path) not in _NOT_FOR_VIEWERS
    return reads and needs.permission in {Permission.READ, Permission.WRITE, Permission.ADMIN}
