"""Find what a caller names: by identifier, or by a name that only one thing within reach has."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.versions import holds


class Kept(Protocol):
    """Something with an identifier and a version."""

    @property
    def id(self) -> str:
        """Never changes."""
        ...

    @property
    def version(self) -> int:
        """Goes up by one with every change."""
        ...


K = TypeVar("K", bound=Kept)


def only(found: Sequence[K], noun: str, asked: str) -> K | Refused:
    """Return the one thing that was found; what is out of the caller's reach must not be among them.

    Args:
        found: What has the identifier or the name.
        noun: What it is, for the message.
        asked: The identifier or the name.
    """
    if not found:
        return Refused(Reason.RESOURCE_NOT_FOUND, f"There is no such {noun}")
    if len(found) > 1:
        message = f"{len(found)} {noun}s have the name {asked!r}; use the id"
        return Refused(Reason.CONFLICT, message, details={"ids": ", ".join(one.id for one in found)})
    return found[0]


def at_version(found: K | Refused, if_match: str | None) -> K | Refused:
    """Return what was found if it is as the caller last read it.

    Args:
        found: What the change is for.
        if_match: The precondition, as in ``domain.versions``.
    """
    if isinstance(found, Refused) or holds(if_match, found.version):
        return found
    return Refused(Reason.VERSION_MISMATCH, details={"version": str(found.version)})
